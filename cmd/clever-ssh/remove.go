package main

import (
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"

	"github.com/urfave/cli/v2"
)

var removeCommand = &cli.Command{
	Name:      "remove",
	Usage:     "remove names, or all that setup wrote",
	UsageText: "remove [--suffix SUFFIX] NAME ... | --suffix SUFFIX | --all",
	Description: `    clever-ssh remove web
    clever-ssh remove --suffix staging
    clever-ssh remove --all

Removes names. With --suffix and no names, removes that gateway with its names,
entries, host keys and saved sessions. With --all, removes everything that setup
wrote: the line in your ssh configuration, the entries, PuTTY's saved sessions,
and clever-ssh.toml if setup created it.`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "all", Usage: "remove everything that setup wrote"},
		&cli.StringFlag{Name: "suffix", Usage: "the `SUFFIX` of the names, or of the gateway to remove", Value: config.DefaultSuffix},
		verboseFlag,
	},
	Action: func(c *cli.Context) error {
		switch {
		case c.Bool("all") && c.NArg() > 0:
			return ui.Usagef("remove takes names or --all, not both")
		case c.Bool("all") && c.IsSet("suffix"):
			return ui.Usagef("remove --all removes everything, for every gateway: it takes no --suffix")
		case c.Bool("all"):
			return setup.Undo()
		case c.NArg() == 0 && c.IsSet("suffix"):
			return setup.RemoveGateway(c.String("suffix"))
		case c.NArg() == 0:
			return ui.Usagef("remove takes the names to remove, --suffix SUFFIX for a whole gateway, or --all")
		}
		return setup.RemoveNames(c.String("suffix"), c.Args().Slice())
	},
}
