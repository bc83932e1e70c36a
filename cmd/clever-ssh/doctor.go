package main

import (
	"time"

	"clever-ssh/cmd/clever-ssh/internal/doctor"
	"clever-ssh/cmd/clever-ssh/internal/survey"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

var doctorCommand = &cli.Command{
	Name:      "doctor",
	Usage:     "find out why a connection fails",
	UsageText: "doctor [ALIAS [--gateway [--show]]] [--json]",
	Description: `    clever-ssh doctor                   this machine, and the way to the gateway
    clever-ssh doctor web.clever        and the login, and the application
    clever-ssh doctor --json | jq '.checks[] | select(.status == "failed")'
    clever-ssh doctor web.clever --gateway

Checks everything between here and a prompt, in the order in which a connection
needs it, and says how to fix each problem. With an alias it also logs in as ssh
would, and runs one command there: true.

It asks no questions, changes nothing, and takes 15 seconds at most. The exit
status is 0 if no check failed; warnings do not count.

With --gateway it compares what clever-ssh assumes about the gateway with what
the gateway does: it logs in once, opens some sessions on an instance that run a
few lines of shell, and prints what was expected and what was seen. That takes
about a minute. It runs none of your application's code and leaves nothing
behind. The page holds no ids, names, addresses or keys, so you can paste it
into an issue; what --show adds may hold them. The exit status is 0 if there was
no surprise.`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "gateway", Usage: "report how the gateway behaves"},
		&cli.BoolFlag{Name: "show", Usage: "with --gateway: also print the gateway's own words and host keys"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON, for programs"},
		verboseFlag,
	},
	Action: func(c *cli.Context) error {
		switch {
		case c.NArg() > 1:
			return ui.Usagef("doctor takes one alias, or none")
		case c.Bool("gateway") && c.NArg() == 0:
			return ui.Usagef("doctor --gateway takes an alias: clever-ssh doctor web.clever --gateway")
		case c.Bool("show") && !c.Bool("gateway"):
			return ui.Usagef("--show works only with --gateway")
		case c.Bool("gateway"):
			return survey.Run(c.Args().First(), survey.Options{Version: version(), JSON: c.Bool("json"), Show: c.Bool("show"), Idle: idle})
		}
		built, _ := time.Parse(time.RFC3339, buildSetting("vcs.time"))
		return doctor.Examine(c.Args().First(), c.Bool("json"), doctor.Build{Version: version(), Time: built})
	},
}

// idle is how long doctor --gateway leaves a connection idle: as long as an interactive session, which sends something
// every 30 s (ServerAliveInterval). Tests shorten it.
var idle = 30 * time.Second
