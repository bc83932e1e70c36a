package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/quote"
	"clever-ssh/proxycmd"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var proxyCommand = &cli.Command{
	Name:      "proxy",
	Usage:     "the ProxyCommand of the entries; for PuTTY, too",
	UsageText: "proxy [-v] ALIAS | SUFFIX",
	Description: `Carries one connection to the gateway on stdin and stdout, and refuses a gateway whose host key is not
pinned. ssh starts it by itself, from the entries that setup wrote, and 'ssh -v web.clever' shows its steps, too.
For other programs, name the alias or the suffix:

    plink -ssh -t -proxycmd "clever-ssh proxy clever" -hostkey SHA256:... \
        ssh@gateway app_...`,
	Flags: []cli.Flag{verboseFlag, &cli.BoolFlag{Name: "ssh", Usage: "the entries say that it is ssh that calls", Hidden: true}},
	Action: func(c *cli.Context) error {
		if c.NArg() != 1 {
			return ui.Usagef("proxy takes one alias or suffix")
		}
		if term.IsTerminal(int(os.Stdin.Fd())) {
			alias, _ := aliasFor(c.Args().First())
			return ui.Usagef("proxy is started by ssh, not by hand; type: ssh %s", quote.Arg(alias))
		}
		return proxy(c.Args().First(), c.Bool("ssh"))
	},
}

// proxy carries one connection, and says what has to be said itself: in its words to a person, and in a few words to
// the client.
func proxy(argument string, certain bool) error {
	prepareProcess()
	line, pid, bySSH, callerErr := calledBy(certain)
	out := openMessages(pid, bySSH)
	if ui.Steps != nil || line.HasFlag("v") || out.aside {
		ui.Steps = out
	}

	s, err := settings.Load()
	var alias config.Alias
	if err == nil {
		alias, err = chooseGateway(s, argument, certain, line, bySSH, callerErr)
	}
	if err != nil {
		return out.refuse(err, bySSH)
	}
	ui.Step("the gateway is %s", alias.Gateway.Address)
	if alias.Target != "" {
		ui.Step("the target is %s", alias.Target)
	}
	knownHosts := s.Layout.KnownHosts()
	if file := os.Getenv(openssh.KnownHostsVariable); filepath.IsAbs(file) {
		knownHosts = file
	} else if _, err := os.Stat(s.Layout.Folder()); err != nil { // no entries, so no ssh that reads it
		knownHosts = ""
	}
	err = proxycmd.Connect(context.Background(), alias.Gateway, os.Stdin, os.Stdout, proxycmd.Options{
		KnownHosts:  knownHosts,
		Interactive: !line.HasFlag("T"),
		Established: func() { ui.Steps = nil; out.release(); leaveSession() },
		Step:        ui.StepFunc(),
		Warn:        func(err error) { ui.Error(out, err) },
		Refused: func(err error) string {
			err = ui.HintConnection(err, alias.Gateway)
			ui.Error(out, err)
			out.settle(bySSH)
			return out.reason(err)
		},
	})
	if lost := new(proxycmd.LostError); errors.As(err, &lost) {
		ui.Error(out, err)
	}
	if err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// chooseGateway finds the gateway that a caller wants. What an ssh was asked for is on its command line; any other
// caller, and an ssh that was asked for a host outside the suffixes, has its wish in the argument, unless that is certain
// to be an ssh's that read the entries.
func chooseGateway(s *settings.Settings, argument string, certain bool, line caller.CommandLine, bySSH bool, callerErr error) (config.Alias, error) {
	if callerErr != nil && (bySSH || certain) {
		return config.Alias{}, unclearError(callerErr)
	}
	foreign := s.Config.GatewayOf(line.Destination) == nil
	if foreign && certain {
		return config.Alias{}, unclearError(fmt.Errorf("ssh was asked for %q", line.Destination))
	}
	if !bySSH || foreign {
		a, err := s.Config.Resolve(argument)
		if err == nil && a.Run {
			err = fmt.Errorf("%s goes through the bridge: its ProxyCommand is clever-ssh bridge", argument)
		}
		if err != nil {
			return a, ui.HintAlias(s.Config, err)
		}
		return a, checkSession(argument, a)
	}
	a, err := s.Config.Resolve(line.Destination)
	if err != nil {
		return a, ui.HintAlias(s.Config, err)
	}
	if known := a.Gateway.Address.User; len(line.Users) > 0 && line.Users[0] != known {
		return a, ui.Hint(fmt.Errorf("%s: the gateway knows only the user %q, not %+q", line.Destination, known, line.Users[0]),
			fmt.Sprintf("type: ssh %s   (your SSH key tells the gateway who you are)", line.Destination))
	}
	if a.Target == "" && line.WantsMoreThanMenu() {
		return a, menuError(line.Destination)
	}
	if a.Target != "" && strings.Join(line.Command, " ") != "" { // with an entry, ssh would not have come here
		return a, ui.Hint(fmt.Errorf("%s: ssh does not use the bridge, and the gateway runs no commands", line.Destination), "run: clever-ssh setup")
	}
	if command, _ := line.Option("RemoteCommand"); a.Target != "" && command == string(a.Target) { // the bridge needs no entry
		return a, nil
	}
	return a, checkEntry(s.Layout, line.Destination, a)
}

// unclearError says that nobody knows what the caller wants. Its command line may have been a target, or a command for the menu.
func unclearError(err error) error {
	return ui.Hint(fmt.Errorf("cannot tell which alias is meant: %w", err), "type: ssh ALIAS   (and for programs other than OpenSSH there is NAME.run.clever)")
}

// menuError says that what was asked for needs a target.
func menuError(alias string) error {
	return ui.Hint(fmt.Errorf("%s is the gateway's menu, which runs no commands", alias), "name an application or an instance: clever-ssh list")
}

// checkEntry makes sure that ssh read an entry that sends the alias to its target. Without one, the connection would
// end in the gateway's menu, or where the name pointed to before.
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
		return ui.Hint(fmt.Errorf("ssh has no entry for %s in %s", alias, file), "run: clever-ssh setup   (and let it write to "+l.Folder()+")")
	}
	return nil
}

// checkSession makes sure that PuTTY's saved session of a name, if it is ours, does not lead where the name pointed to before.
func checkSession(alias string, a config.Alias) error {
	store, err := putty.NewStore()
	if a.Target == "" || a.Direct || err != nil {
		return nil
	}
	if s, err := store.Read(alias); err == nil && s.Ours() && s["RemoteCommand"] != string(a.Target) {
		return ui.Hint(fmt.Errorf("PuTTY's saved session %s still leads to %.80q", alias, s["RemoteCommand"]), "run: clever-ssh setup")
	}
	return nil
}
