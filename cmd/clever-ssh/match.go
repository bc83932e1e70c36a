package main

import (
	"errors"
	"os"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"

	"github.com/urfave/cli/v2"
)

var matchCommand = &cli.Command{
	Name:        "match",
	Hidden:      true,
	UsageText:   "match command | direct",
	Description: `Used by the ssh_config entries: answers a Match exec with its exit status.`,
	Subcommands: []*cli.Command{{
		Name:        "command",
		UsageText:   "match command",
		Description: `Says whether the calling ssh was asked for what the gateway cannot do, so that it needs the bridge.`,
		Action:      func(c *cli.Context) error { return match(c, matchCommandOf) },
	}, {
		Name:        "direct",
		UsageText:   "match direct",
		Description: `Enters the alias that the calling ssh was asked for into direct.conf, if its label is a target itself.`,
		Action:      func(c *cli.Context) error { return match(c, matchDirect) },
	}},
	Action: func(c *cli.Context) error { return usagef("match takes one word: command or direct") },
}

// match answers for the ssh that called. Why it says no is left to proxy and bridge, one of which ssh starts next: a person is
// told once.
func match(c *cli.Context, answer func(*settings, caller.CommandLine, config.Alias) error) error {
	if c.NArg() > 0 {
		return usagef("match %s takes no arguments: it looks at the ssh that called it", c.Command.Name)
	}
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
	if err != nil || a.Run || a.Target == "" { // a run alias has an entry for all that it does
		return exitStatus(exitFailed)
	}
	return answer(s, line, a)
}

// matchCommandOf says yes to what needs the bridge.
func matchCommandOf(_ *settings, line caller.CommandLine, _ config.Alias) error {
	if !wantsBridge(line) {
		return exitStatus(exitFailed)
	}
	return nil
}

// matchDirect says yes only once the entry can be read.
func matchDirect(s *settings, line caller.CommandLine, a config.Alias) error {
	if !a.Direct || wantsBridge(line) {
		return exitStatus(exitFailed)
	}
	if os.Getenv(lookOnlyVariable) != "" {
		return nil
	}
	if err := sshconfig.RegisterDirect(s.layout.DirectFile(), line.Destination, a.Target); err != nil {
		return hint(err, "see that "+s.layout.Folder()+" can be written: "+os.Args[0]+" enters "+line.Destination+" there; then try again")
	}
	return nil
}
