package main

import (
	"fmt"
	"os"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/pattern"

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
	Action: func(c *cli.Context) error { return ui.Usagef("match takes one word: command or direct") },
}

// match answers for the ssh that called.
func match(c *cli.Context, answer func(caller.CommandLine, error) error) error {
	if c.NArg() > 0 {
		return ui.Usagef("match %s takes no arguments: it looks at the ssh that called it", c.Command.Name)
	}
	if term.IsTerminal(int(os.Stdin.Fd())) { // ssh gives it /dev/null
		return ui.Usagef("match is only for ssh to call, from its configuration")
	}
	line, _, _, err := calledBy(true)
	return answer(line, err)
}

// calledBy finds the ssh that called, and reads its command line. With certain, only an ssh can have called.
func calledBy(certain bool) (line caller.CommandLine, pid int, bySSH bool, err error) {
	return caller.SSH(func(host string) bool {
		s, err := settings.Load()
		return err == nil && s.Config.GatewayOf(host) != nil
	}, certain)
}

// matchCommandOf says yes to what needs the bridge, and to whatever must not reach the gateway without a check by proxy or
// bridge. An ssh that cannot be understood, or settings that cannot be read, are left to the bridge, which refuses and says
// why. An unknown alias is left to proxy.
func matchCommandOf(line caller.CommandLine, callerErr error) error {
	if callerErr != nil {
		return nil
	}
	var a config.Alias
	s, err := settings.Load()
	unreadable := err != nil
	if !unreadable {
		a, err = s.Config.Resolve(line.Destination)
	}
	beside := line.OwnWay()
	switch {
	case beside != "" && unreadable: // ssh starts neither proxy nor bridge
		ui.Error(os.Stderr, err)
		return nil
	case beside != "" && err != nil:
		ui.Error(os.Stderr, ui.HintAlias(s.Config, err))
		return nil
	case beside != "" && (a.Run || line.WantsBridge()):
		ui.Error(os.Stderr, besideError(line.Destination, beside, a.Gateway))
		if endsByItself(s, line, a) {
			return ui.ExitStatus(ui.ExitFailed)
		}
		return nil
	case unreadable && line.WantsBridge():
		return nil
	case err != nil || a.Run || a.Target == "" || !line.WantsBridge(): // a run alias has an entry for all that it does
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// endsByItself tells whether an ssh with a way of its own to the gateway may be left to the entry of its target. With a command
// it ends there before it connects, as it has two. Otherwise it is better off with the entry of the bridge, which names a host
// that is none, unless its ProxyCommand takes no host: then it would take the gateway's host key for a wrong one.
func endsByItself(s *settings.Settings, line caller.CommandLine, a config.Alias) bool {
	if a.Run || a.Target == "" {
		return false
	}
	if a.Direct && os.Getenv(openssh.LookOnlyVariable) == "" && sshconfig.RegisterDirect(s.Layout.DirectFile(), line.Destination, a.Target) != nil || checkEntry(s.Layout, line.Destination, a) != nil {
		return false
	}
	command, _ := line.Option("ProxyCommand")
	return strings.Join(line.Command, " ") != "" || command != "" && !strings.EqualFold(command, "none") && !strings.Contains(command, "%h")
}

// besideError says that a way to the gateway that was given on the command line of ssh is not the bridge's.
func besideError(alias, beside string, g *config.Gateway) error {
	err := fmt.Errorf("%s: only an interactive session can use %s", alias, beside)
	setup := "clever-ssh setup " + ui.SuffixFlag(g.Suffix) + "--via socks5://"
	if host, ok := strings.CutPrefix(beside, "-J "); ok && plainHost().MatchString(host) {
		return ui.Hint(err, "for all else, keep a way through it open, once: ssh -f -N -D 1080 "+host, "and name it, once: "+setup+"127.0.0.1:1080")
	}
	return ui.Hint(err, "leave it out; if there is a proxy on the way, name it once: "+setup+"host:port")
}

// plainHost is a jump host that may stand on another command line as it is.
var plainHost = pattern.New(`\A[A-Za-z0-9_.][A-Za-z0-9_.@-]*\z`)

// matchDirect says yes only once the entry can be read. Why it says no is left to proxy and bridge, one of which ssh starts next: a
// person is told once.
func matchDirect(line caller.CommandLine, err error) error {
	if err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	s, err := settings.Load()
	if err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	a, err := s.Config.Resolve(line.Destination)
	if err != nil || a.Run || !a.Direct || line.WantsBridge() && line.OwnWay() == "" {
		return ui.ExitStatus(ui.ExitFailed)
	}
	if os.Getenv(openssh.LookOnlyVariable) != "" {
		return nil
	}
	if err := sshconfig.RegisterDirect(s.Layout.DirectFile(), line.Destination, a.Target); err != nil {
		return ui.Hint(err, "see that "+s.Layout.Folder()+" can be written: "+os.Args[0]+" enters "+line.Destination+" there; then try again")
	}
	return nil
}
