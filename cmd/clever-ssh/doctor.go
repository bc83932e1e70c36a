package main

import (
	"time"

	"clever-ssh/cmd/clever-ssh/internal/doctor"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

var doctorCommand = &cli.Command{
	Name:      "doctor",
	Usage:     "find out why a connection fails",
	UsageText: "doctor [ALIAS] [--json]",
	Description: `    clever-ssh doctor                   this machine, and the way to the gateway
    clever-ssh doctor web.clever        and the login, and the application
    clever-ssh doctor --json | jq '.checks[] | select(.status == "failed")'

Checks everything between here and a prompt, in the order in which a connection
needs it, and says how to fix each problem. With an alias it also logs in as ssh
would, and runs one command there: true.

It asks no questions, changes nothing, and takes 15 seconds at most. The exit
status is 0 if no check failed; warnings do not count.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON, for programs"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return ui.Usagef("doctor takes one alias, or none")
		}
		built, _ := time.Parse(time.RFC3339, buildSetting("vcs.time"))
		return doctor.Examine(c.Args().First(), c.Bool("json"), doctor.Build{Version: version(), Time: built})
	},
}
