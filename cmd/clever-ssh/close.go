package main

import (
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/caller"

	"github.com/urfave/cli/v2"
)

var closeCommand = &cli.Command{
	Name:      "close",
	Usage:     "end the connections that are kept open",
	UsageText: "close [-v] [ALIAS]",
	Description: `    clever-ssh close
    clever-ssh close web.clever

Ends the connection that clever-ssh keeps open to an instance after a command,
and any command that still runs over it. Without an alias, ends all of them.`,
	Flags: []cli.Flag{verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return ui.Usagef("close takes at most one alias: clever-ssh close web.clever")
		}
		if c.NArg() == 0 {
			return closeAll()
		}
		return closeOne(c.Args().First())
	},
}

func closeAll() error {
	s, err := settings.Load()
	if err != nil {
		return err
	}
	switch n := login.EndShared(s.Layout); n {
	case 0:
		fmt.Printf("No connection to close.\n")
	case 1:
		fmt.Printf("Closed 1 connection.\n")
	default:
		fmt.Printf("Closed %d connections.\n", n)
	}
	return nil
}

func closeOne(alias string) error {
	s, a, err := resolve(alias)
	if err != nil {
		return err
	}
	masters := map[string]bool{}
	if inner, err := login.Prepare(s, a, caller.CommandLine{}); err == nil && inner.Master != "" {
		masters[inner.Master] = true
	}
	ended := false
	for _, socket := range login.Lines(s.Layout) {
		if status, err := line.AskStatus(socket); err == nil && isFor(status.Alias, a) {
			masters[login.MasterOf(socket)] = true
			ended = login.EndLine(socket) || ended
		}
	}
	for master := range masters {
		ended = login.EndMaster(master) || ended
	}
	if !ended {
		fmt.Printf("No open connection to %s.\n", a.Plain())
		return nil
	}
	fmt.Printf("Closed the connection to %s.\n", a.Plain())
	return nil
}

// isFor reports whether a line that was started for one alias leads to where another alias leads, or to one of
// its instances.
func isFor(started string, a config.Alias) bool {
	selector, rest, _ := strings.Cut(started, ".")
	return started == a.Plain() || a.Instance == "" && rest == a.Base && config.IsSelector(selector)
}
