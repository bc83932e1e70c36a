package main

import (
	"fmt"
	"strings"
	"sync"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
)

// invocation tells who started proxy, match or bridge, and what for.
type invocation struct {
	argument string // the alias or suffix on this program's own command line; empty if it names none
	onlySSH  bool   // whether only an ssh that read the entries can have called

	bySSH   bool // whether an ssh has called
	pid     int  // that ssh's process id
	line    caller.CommandLine
	unclear error // why that command line cannot be understood

	read     func() (*settings.Settings, error) // reads the settings, once
	settings *settings.Settings                 // set by load
	alias    config.Alias                       // set by resolve
	out      audience                           // set by speak
}

// invoked finds out who has called.
func invoked(argument string, onlySSH bool) *invocation {
	i := &invocation{argument: argument, onlySSH: onlySSH, read: sync.OnceValues(settings.Read)}
	i.line, i.pid, i.bySSH, i.unclear = caller.SSH(func(host string) bool {
		s, err := i.read()
		return err == nil && s.Config.GatewayOf(host) != nil
	}, onlySSH)
	return i
}

// speak finds and returns the place where a person reads messages for this caller.
func (i *invocation) speak() *audience {
	i.out = findAudience(i.pid, i.bySSH)
	return &i.out
}

// load takes the settings. A person may want to see that as a step, so call it only once ui.Steps is set.
func (i *invocation) load() (err error) {
	i.settings, err = i.read()
	i.settings.Say()
	return err
}

// wanted returns the alias that the caller wants. For an ssh, that is on its command line. Any other caller has
// it in the argument, and so does an ssh that was asked for a host outside the suffixes.
func (i *invocation) wanted() (alias string, byLine bool, err error) {
	switch {
	case i.unclear != nil && (i.bySSH || i.onlySSH):
		return "", false, unclearError(i.unclear)
	case i.bySSH && i.settings.Config.GatewayOf(i.line.Destination) != nil:
		return i.line.Destination, true, nil
	case i.onlySSH:
		return "", false, unclearError(fmt.Errorf("ssh was asked for %q", i.line.Destination))
	}
	return i.argument, false, nil
}

// resolve finds the alias that the caller wants, and returns its name as the caller wrote it.
func (i *invocation) resolve() (name string, byLine bool, err error) {
	if err = i.load(); err != nil {
		return "", false, err
	}
	if name, byLine, err = i.wanted(); err != nil {
		return "", false, err
	}
	i.alias, err = i.settings.Config.Resolve(name)
	return name, byLine, ui.HintAlias(i.settings.Config, err)
}

// direct finds the alias whose gateway the caller reaches without the bridge. It refuses an alias if the session
// would lead somewhere else.
func (i *invocation) direct() error {
	name, byLine, err := i.resolve()
	switch {
	case err != nil:
		return err
	case byLine:
		return i.checkLine(name, i.alias)
	case i.alias.Run:
		return fmt.Errorf("%s goes through the bridge: its ProxyCommand is clever-ssh bridge", name)
	}
	return checkSession(name, i.alias)
}

// bridged finds the alias that the bridge takes the caller to.
func (i *invocation) bridged() error {
	name, _, err := i.resolve()
	switch a := i.alias; {
	case err != nil:
		return err
	case a.Target == "":
		return menuError(name)
	case a.Instance == config.AllInstances && i.line.WantsTunnel(): // else ssh would listen until somebody connects
		return ui.HintSession(&bridge.AllError{What: "a tunnel"}, a)
	case i.onlySSH && !a.Run && !i.line.WantsBridge():
		return ui.Hint(fmt.Errorf("%s: an interactive session does not go through the bridge", name), ui.RunSetup)
	}
	return nil
}

// checkLine refuses an ssh that would not reach the alias's target, or that asks for something the gateway
// cannot do.
func (i *invocation) checkLine(alias string, a config.Alias) error {
	if known := a.Gateway.Address.User; len(i.line.Users) > 0 && i.line.Users[0] != known {
		return ui.Hint(fmt.Errorf("%s: the gateway knows only the user %q, not %+q", alias, known, i.line.Users[0]),
			fmt.Sprintf("type: ssh %s   (your SSH key tells the gateway who you are)", alias))
	}
	if a.Target == "" && i.line.WantsMoreThanMenu() {
		return menuError(alias)
	}
	if a.Target != "" && strings.Join(i.line.Command, " ") != "" { // with an entry, ssh would not have come here
		return ui.Hint(fmt.Errorf("%s: ssh does not use the bridge, and the gateway runs no commands", alias), ui.RunSetup)
	}
	if command, _ := i.line.Option("RemoteCommand"); a.Target != "" && (command == string(a.Target) || config.Target(command).IsInstance()) {
		return nil // the bridge needs no entry
	}
	if a.Instance != "" {
		return i.checkInstanceEntry(alias)
	}
	return checkEntry(i.settings.Layout, alias, a)
}

// checkEntry makes sure that ssh read an entry that sends the alias to its target. Without one, the connection
// would end in the gateway's menu, or go where the name pointed before.
func checkEntry(l sshconfig.Layout, alias string, a config.Alias) error {
	if a.Target == "" {
		return nil
	}
	file := l.ConfigFile()
	if a.Direct {
		file = l.DirectFile()
	}
	text, err := atomicfile.Read(file)
	if err != nil || !sshconfig.HasEntry(text, alias, a.Target) {
		return ui.Hint(fmt.Errorf("ssh has no entry for %s in %s", alias, file), ui.RunSetup+"   (it must be able to write to "+l.Folder()+")")
	}
	return nil
}

// checkInstanceEntry makes sure that match has just found the alias's instance for this very ssh. Without an
// entry of its own, ssh would send no target, and end in the menu.
func (i *invocation) checkInstanceEntry(alias string) error {
	l := i.settings.Layout
	if sshconfig.HasInstance(l.DirectFile(), alias, i.pid) {
		return nil
	}
	err := fmt.Errorf("%s does not lead to an instance", alias)
	for _, file := range []string{l.MatchFile(), l.OldMatchFile()} {
		if text, readErr := atomicfile.Read(file); readErr == nil && sshconfig.FindsInstances(text) {
			return &toldError{err} // by match, which knows why
		}
	}
	return ui.Hint(err, ui.RunSetup)
}

// checkSession makes sure that PuTTY's saved session of that name, if it is ours, does not lead where the name
// pointed before.
func checkSession(alias string, a config.Alias) error {
	store, err := putty.NewStore()
	if a.Target == "" || a.Direct || a.Instance != "" || err != nil {
		return nil
	}
	if s, err := store.Read(alias); err == nil && s.Ours() && s["RemoteCommand"] != string(a.Target) {
		return ui.Hint(fmt.Errorf("PuTTY's saved session %s still points to %.80q", alias, s["RemoteCommand"]), ui.RunSetup)
	}
	return nil
}

// unclearError means that we cannot tell what the caller wants. Its command line may hold a target, or a
// command for the menu.
func unclearError(err error) error {
	return ui.Hint(fmt.Errorf("cannot tell which alias is meant: %w", err), "type: ssh ALIAS   (for programs other than OpenSSH, use NAME.run.clever)")
}

// menuError says that the request needs a target.
func menuError(alias string) error {
	return ui.Hint(fmt.Errorf("%s is the gateway's menu, which runs no commands", alias), "name an application or an instance: clever-ssh list")
}
