package main

import (
	"time"

	"clever-ssh/cmd/clever-ssh/internal/doctor"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

var doctorCommand = &cli.Command{
	Name:      "doctor",
	Usage:     "what is amiss between here and a prompt, and what to do",
	UsageText: "doctor [ALIAS] [--json]",
	Description: `Checks everything between here and a prompt, in the order in which a connection needs it, and says what to do about what
is amiss. With an alias it also logs in as ssh would, without asking anything, and runs one command there, 'true', as
'ssh ALIAS true' would. It changes nothing, and takes 15 seconds at most.

    clever-ssh doctor                   this machine, and the way to the gateway
    clever-ssh doctor web.clever        and whether the gateway lets you in, and to the application
    clever-ssh doctor --json | jq '.checks[] | select(.status == "failed")'

The exit status is 0 if nothing failed; a warning is no failure.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "for programs"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return ui.Usagef("doctor takes one alias, or none")
		}
		built, _ := time.Parse(time.RFC3339, buildSetting("vcs.time"))
		return doctor.Examine(c.Args().First(), c.Bool("json"), doctor.Build{Version: version(), Time: built})
	},
}
