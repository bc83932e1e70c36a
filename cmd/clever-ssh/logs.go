package main

import (
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var logsCommand = &cli.Command{
	Name:      "logs",
	Usage:     "follow an application's log",
	UsageText: "logs [-v] ALIAS [JOURNALCTL-OPTIONS]",
	Description: `    clever-ssh logs web.clever
    clever-ssh logs web.clever -o json
    clever-ssh logs all.web.clever

Follows an application's log on one of its instances, or on all of them, with
journalctl -efa -u bas-deploy.service and the options that you add. Ctrl-C ends
it.`,
	Flags:           []cli.Flag{verboseFlag},
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		args := withoutVerbose(c.Args().Slice())
		if helpWanted(args) {
			return cli.ShowSubcommandHelp(c)
		}
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			return ui.Usagef("logs takes an alias, then options of journalctl: clever-ssh logs web.clever")
		}
		command := `command -v journalctl >/dev/null || { echo "clever-ssh: this instance has no journal; if the application runs in Docker, see the console for its log" >&2; exit 127; }
exec journalctl -efa -u bas-deploy.service`
		for _, option := range args[1:] {
			command += " " + quote.POSIX(option)
		}
		return withStatus(execute(args[0], false, command, strings.NewReader("")))
	},
}
