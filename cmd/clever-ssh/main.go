// clever-ssh is a ProxyCommand helper: it makes `ssh app_xyz.clever` reach an application's instance on Clever
// Cloud with plain OpenSSH or PuTTY, and checks the gateway's pinned host keys on the way.
package main

import (
	"errors"
	"os"
	"slices"

	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

func main() { os.Exit(run(os.Args)) }

// run carries out one command line and returns the exit status.
func run(args []string) int {
	app := newApp()
	if len(args) > 1 && slices.Contains([]string{"help", "--help", "-h"}, args[1]) { // as some people type it
		args = slices.Concat(args[:1], args[2:], []string{"--help"})
	}
	err := app.Run(optionsFirst(args, app.Commands))
	if err == nil {
		return 0
	}
	var status ui.ExitStatus
	if errors.As(err, &status) { // the messages are out already
		return int(status)
	}
	ui.Error(os.Stderr, err)
	if usage := new(ui.UsageError); errors.As(err, &usage) {
		return ui.ExitUsage
	}
	return ui.ExitFailed
}

func newApp() *cli.App {
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version"}
	cli.FlagStringer = flagHelp
	onUsageError := func(c *cli.Context, err error, isSubcommand bool) error {
		return flagError(err, c.Command)
	}
	commands := []*cli.Command{setupCommand, listCommand, removeCommand, instancesCommand, doctorCommand, execCommand, logsCommand, dbCommand, listenCommand, closeCommand, puttyCommand, proxyCommand,
		completionCommand, completeCommand, matchCommand, bridgeCommand, lineCommand}
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		c.CustomHelpTemplate = commandHelp
		for _, s := range c.Subcommands {
			s.OnUsageError = onUsageError
			s.HideHelpCommand = true
			s.CustomHelpTemplate = commandHelp
		}
	}
	return &cli.App{
		Name:                  "clever-ssh",
		Version:               version(),
		HideHelpCommand:       true,
		CustomAppHelpTemplate: help,
		OnUsageError:          onUsageError,
		Commands:              commands,
		ExitErrHandler:        func(*cli.Context, error) {}, // run prints, and nothing else does
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return unknownCommand(c.Args().Slice(), c.App)
			}
			return cli.ShowAppHelp(c)
		},
	}
}
