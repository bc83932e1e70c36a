package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var matchCommand = &cli.Command{
	Name:        "match",
	Hidden:      true,
	UsageText:   "match command | direct",
	Description: `The ssh_config entries call this. Its exit status answers a Match exec.`,
	Subcommands: []*cli.Command{{
		Name:      "command",
		UsageText: "match command",
		Description: `Says whether the ssh that calls was asked for something that the gateway cannot
do, and so needs the bridge.`,
		Action: func(c *cli.Context) error { return match(c, matchCommandOf) },
	}, {
		Name:        "direct",
		UsageText:   "match direct",
		Description: `Adds the alias that ssh was asked for to direct.conf, if the alias is an id.`,
		Action:      func(c *cli.Context) error { return match(c, matchDirect) },
	}},
	Action: func(c *cli.Context) error { return ui.Usagef("match takes one word: command or direct") },
}

// match answers the ssh that called.
func match(c *cli.Context, answer func(*invocation) error) error {
	if c.NArg() > 0 {
		return ui.Usagef("match %s takes no arguments: it looks at the ssh that called it", c.Command.Name)
	}
	if term.IsTerminal(int(os.Stdin.Fd())) { // ssh gives it /dev/null
		return ui.Usagef("match is only for ssh to call, from its configuration")
	}
	return answer(invoked("", true))
}

// matchCommandOf says yes if the bridge is needed. It also says yes to anything that must not reach the
// gateway before proxy or bridge has checked it. If the ssh's command line cannot be understood, or the
// settings cannot be read, the bridge gets the ssh, refuses it and says why. An unknown alias goes to proxy.
func matchCommandOf(i *invocation) error {
	if i.unclear != nil {
		return nil
	}
	var a config.Alias
	err := i.load()
	unreadable := err != nil
	if !unreadable {
		a, err = i.settings.Config.Resolve(i.line.Destination)
	}
	ownWay := i.line.OwnWay()
	switch {
	case ownWay != "" && unreadable: // ssh starts neither proxy nor bridge
		ui.Error(os.Stderr, err)
		return nil
	case ownWay != "" && err != nil:
		ui.Error(os.Stderr, ui.HintAlias(i.settings.Config, err))
		return nil
	case ownWay != "" && a.Instance != "": // the search cannot go that way, and without a search ssh would end in the menu
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s: an alias for %s cannot use %s", i.line.Destination, a.Instance.InWords(), ownWay),
			"use the instance's id: clever-ssh instances "+a.Base))
		return nil
	case ownWay != "" && (a.Run || i.line.WantsBridge()):
		ui.Error(os.Stderr, ownWayError(i.line.Destination, ownWay, a.Gateway))
		if i.endsByItself(a) {
			return ui.ExitStatus(ui.ExitFailed)
		}
		return nil
	case unreadable && i.line.WantsBridge():
		return nil
	case err != nil || a.Run || a.Target == "" || !i.line.WantsBridge(): // a run alias has an entry for everything
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// endsByItself reports whether an ssh with its own way to the gateway may use the entry of its target. With a
// command, that ssh ends before it connects, because it then has two commands. Otherwise the bridge's entry is
// better, because it names a host that does not exist. But if the ProxyCommand takes no host, ssh would still
// reach the gateway, and take its host key for a wrong one.
func (i *invocation) endsByItself(a config.Alias) bool {
	if a.Run || a.Target == "" {
		return false
	}
	if a.Direct && os.Getenv(openssh.LookOnlyVariable) == "" && sshconfig.RegisterDirect(i.settings.Layout.DirectFile(), i.line.Destination, a.Target) != nil || checkEntry(i.settings.Layout, i.line.Destination, a) != nil {
		return false
	}
	command, _ := i.line.Option("ProxyCommand")
	return strings.Join(i.line.Command, " ") != "" || command != "" && !strings.EqualFold(command, "none") && !strings.Contains(command, "%h")
}

// ownWayError means that the bridge cannot use the way to the gateway that ssh's command line names.
func ownWayError(alias, way string, g *config.Gateway) error {
	err := fmt.Errorf("%s: only an interactive session can use %s", alias, way)
	setup := "clever-ssh setup " + ui.SuffixFlag(g.Suffix) + "--via socks5://"
	if host, ok := strings.CutPrefix(way, "-J "); ok && plainHost().MatchString(host) {
		return ui.Hint(err, "for anything else, open a SOCKS proxy through it: ssh -f -N -D 1080 "+host, "then tell clever-ssh about it, once: "+setup+"127.0.0.1:1080")
	}
	return ui.Hint(err, "leave that option out; if there is a proxy in between, name the proxy once: "+setup+"host:port")
}

// plainHost is a jump host that needs no quoting on another command line.
var plainHost = pattern.New(`\A[A-Za-z0-9_.][A-Za-z0-9_.@-]*\z`)

// matchDirect says yes only if the entry can be read. If it says no, ssh starts proxy or bridge next, and that
// one says why: so a person reads it once.
func matchDirect(i *invocation) error {
	if i.unclear != nil || i.load() != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	a, err := i.settings.Config.Resolve(i.line.Destination)
	if err != nil || a.Run || !a.Direct && a.Instance == "" || i.line.WantsBridge() && i.line.OwnWay() == "" {
		return ui.ExitStatus(ui.ExitFailed)
	}
	if a.Instance != "" {
		return i.matchInstance(a)
	}
	if os.Getenv(openssh.LookOnlyVariable) != "" {
		return nil
	}
	file := i.settings.Layout.DirectFile()
	if err := sshconfig.RegisterDirect(file, i.line.Destination, a.Target); err != nil {
		if text, readErr := atomicfile.Read(file); readErr == nil && sshconfig.HasEntry(text, i.line.Destination, a.Target) {
			return nil // the file cannot be replaced, but has the entry
		}
		return i.hintFolder(err)
	}
	return nil
}

// hintFolder adds to an error which folder must be writable, so that an alias can get its entry.
func (i *invocation) hintFolder(err error) error {
	return ui.Hint(err, "make "+i.settings.Layout.Folder()+" writable, so that clever-ssh can add "+i.line.Destination+" there; then try again")
}

// matchInstance finds the instance that an alias stands for now, and writes an entry for it. It asks the
// gateway, unless somebody only wants to know what ssh makes of the alias.
func (i *invocation) matchInstance(a config.Alias) error {
	alias, file := i.line.Destination, i.settings.Layout.DirectFile()
	if os.Getenv(openssh.LookOnlyVariable) != "" || i.line.HasFlag("G") {
		return nil
	}
	target, err := i.findInstance(a)
	if err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	if err := sshconfig.RegisterInstance(file, alias, target, i.pid); err != nil {
		ui.Error(os.Stderr, i.hintFolder(err))
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// findInstance asks the gateway for the instance that an alias stands for. If there is none, it says why.
func (i *invocation) findInstance(a config.Alias) (config.Target, error) {
	if a.Instance == config.AllInstances {
		err := fmt.Errorf("%s runs a command on every instance; a shell needs one of them", a.Plain())
		ui.Error(os.Stderr, ui.Hint(err, "for a shell on instance 0: ssh 0."+a.Base, "for a command: ssh "+a.Plain()+" uptime"))
		return "", err
	}
	inner, err := login.Prepare(i.settings, a, i.line)
	if err != nil {
		ui.Error(os.Stderr, err)
		return "", err
	}
	o := inner.Options(a)
	o.Waiting, o.Missing = login.SayWaiting(os.Stderr, a)
	o.Chosen = login.SayChosen(os.Stderr, a)
	target := ""
	if err = inner.Connect(context.Background()); err == nil {
		target, err = bridge.Find(context.Background(), o)
	}
	if err != nil {
		io.WriteString(os.Stderr, o.Message(err))
	}
	return config.Target(target), err
}
