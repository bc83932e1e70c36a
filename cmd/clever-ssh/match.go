package main

import (
	"errors"
	"os"

	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"

	"github.com/urfave/cli/v2"
)

var matchCommand = &cli.Command{
	Name:        "match",
	Hidden:      true,
	UsageText:   "match direct",
	Description: `Used by the ssh_config entries: answers a Match exec with its exit status.`,
	Subcommands: []*cli.Command{{
		Name:        "direct",
		UsageText:   "match direct",
		Description: `Enters the alias that the calling ssh was asked for into direct.conf, if its label is a target itself.`,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("match direct takes no arguments: it looks at the ssh that called it")
			}
			return matchDirect()
		},
	}},
	Action: func(c *cli.Context) error { return usagef("match takes one word: direct") },
}

// matchDirect says yes, with exit status 0, only once the entry can be read. Why it says no is left to proxy, which
// ssh starts next: a person is told once.
func matchDirect() error {
	line, _, ok, err := caller.SSH()
	if !ok && err == nil {
		return errors.New("match is only for ssh to call, from its configuration")
	}
	if !ok || err != nil {
		return exitStatus(exitFailed)
	}
	s, err := load()
	if err != nil {
		return exitStatus(exitFailed)
	}
	a, err := s.config.Resolve(line.Destination)
	if err != nil || !a.Direct {
		return exitStatus(exitFailed)
	}
	if err := sshconfig.RegisterDirect(s.layout.DirectFile(), line.Destination, a.Target); err != nil {
		return hint(err, "make the folder "+s.layout.Folder()+" writable: "+os.Args[0]+" enters "+line.Destination+" there")
	}
	return nil
}
