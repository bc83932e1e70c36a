package main

import (
	"os"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
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

// match answers for the ssh that called.
func match(c *cli.Context, answer func(caller.CommandLine, error) error) error {
	if c.NArg() > 0 {
		return usagef("match %s takes no arguments: it looks at the ssh that called it", c.Command.Name)
	}
	if term.IsTerminal(int(os.Stdin.Fd())) { // ssh gives it /dev/null
		return usagef("match is only for ssh to call, from its configuration")
	}
	line, _, _, err := calledBy(true)
	return answer(line, err)
}

// calledBy finds the ssh that called, and reads its command line. With certain, only an ssh can have called.
func calledBy(certain bool) (line caller.CommandLine, pid int, bySSH bool, err error) {
	return caller.SSH(func(host string) bool {
		s, err := load()
		return err == nil && s.config.GatewayOf(host) != nil
	}, certain)
}

// matchCommandOf says yes to what needs the bridge. An ssh that cannot be understood, or settings that cannot be read, are left
// to the bridge, which refuses and says why. An unknown alias is left to proxy.
func matchCommandOf(line caller.CommandLine, callerErr error) error {
	if callerErr != nil {
		return nil
	}
	var a config.Alias
	s, err := load()
	unreadable := err != nil
	if !unreadable {
		a, err = s.config.Resolve(line.Destination)
	}
	switch {
	case unreadable && wantsBridge(line):
		return nil
	case err != nil || a.Run || a.Target == "" || !wantsBridge(line): // a run alias has an entry for all that it does
		return exitStatus(exitFailed)
	}
	return nil
}

// matchDirect says yes only once the entry can be read. Why it says no is left to proxy and bridge, one of which ssh starts next: a
// person is told once.
func matchDirect(line caller.CommandLine, err error) error {
	if err != nil {
		return exitStatus(exitFailed)
	}
	s, err := load()
	if err != nil {
		return exitStatus(exitFailed)
	}
	a, err := s.config.Resolve(line.Destination)
	if err != nil || a.Run || !a.Direct || wantsBridge(line) {
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
