package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/quote"
	"clever-ssh/proxycmd"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var proxyCommand = &cli.Command{
	Name:      "proxy",
	Usage:     "act as the ProxyCommand of ssh and PuTTY",
	UsageText: "proxy [-v] ALIAS | SUFFIX",
	Description: `    plink -ssh -t -proxycmd "clever-ssh proxy clever" -hostkey SHA256:... \
        ssh@gateway app_...

Carries one connection to the gateway on stdin and stdout, and refuses a gateway
whose host key is not pinned. ssh starts it from the entries that setup wrote,
and 'ssh -v web.clever' shows its steps. For other programs, give the alias or
the suffix.`,
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

// proxy carries one connection, and prints its own error messages: in full for a person, and in a few words for
// the client.
func proxy(argument string, certain bool) error {
	prepareHelper()
	i := invoked(argument, certain)
	out := i.speak()
	if ui.Steps != nil || i.line.HasFlag("v") || out.aside {
		ui.Steps = out
	}
	if err := i.direct(); err != nil {
		return out.refuse(err)
	}
	gateway := i.alias.Gateway
	ui.Step("the gateway is %s", gateway.Address)
	if i.alias.Target != "" {
		ui.Step("the target is %s", i.alias.Target)
	}
	err := proxycmd.Connect(context.Background(), gateway, os.Stdin, os.Stdout, proxycmd.Options{
		KnownHosts:  knownHosts(i.settings.Layout),
		Interactive: !i.line.HasFlag("T"),
		Established: func() { ui.Steps = nil; out.release(); leaveSession() },
		Step:        ui.StepFunc(),
		Warn:        func(err error) { ui.Error(out, err) },
		Refused: func(err error) string {
			err = ui.HintConnection(err, gateway)
			ui.Error(out, err)
			out.settle()
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

// knownHosts returns the file in which ssh looks for the gateway's host key. It is empty if no ssh reads one,
// because there are no entries.
func knownHosts(l sshconfig.Layout) string {
	if file := os.Getenv(openssh.KnownHostsVariable); filepath.IsAbs(file) {
		return file
	}
	if _, err := os.Stat(l.Folder()); err != nil {
		return ""
	}
	return l.KnownHosts()
}
