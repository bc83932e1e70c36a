package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var bridgeCommand = &cli.Command{
	Name:      "bridge",
	Hidden:    true,
	UsageText: "bridge [ALIAS]",
	Description: `Serves SSH to one client on stdin and stdout, for what the gateway itself cannot
do: commands, files and tunnels. ssh starts it from the entries that setup
wrote. For other programs, give the alias.`,
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return ui.Usagef("bridge takes at most one alias")
		}
		if term.IsTerminal(int(os.Stdin.Fd())) {
			alias, _ := aliasFor(cmp.Or(c.Args().First(), "ALIAS"))
			return ui.Usagef("bridge is started by ssh, not by hand; type: ssh %s COMMAND", quote.Arg(alias))
		}
		return serveBridge(c.Args().First())
	},
}

// serveBridge serves the client that called, and prints its own error messages.
func serveBridge(argument string) error {
	prepareHelper()
	// ssh hangs up its helper when it ends, but then the bridge still has to end commands on the instance. Nor
	// is Ctrl-C meant for the bridge: it ends ssh. (Both are caught and not ignored, so that they still end the
	// ssh that logs in.)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGHUP)
	i := invoked(argument, argument == "")
	out := i.speak()
	if i.line.HasFlag("v") {
		ui.Steps = out
	}
	if err := i.bridged(); err != nil {
		return out.refuse(err)
	}
	a := i.alias
	key, err := settings.BridgeKey(i.settings.Layout)
	if err != nil {
		return out.refuse(err)
	}
	inner, err := login.Prepare(i.settings, a, i.line)
	if err != nil {
		return out.refuse(err)
	}
	ui.Step("the bridge connects this ssh to %s, through %s", a.Target, a.Gateway.Address)
	o := inner.Options(a)
	o.HostKey = key
	defer addLine(&o, a, inner)()
	o.Warn = func(err error) { ui.Error(out, ui.HintSession(err, a)) }
	o.Waiting, o.Missing = login.SayWaiting(out.Writer, a)
	o.Chosen = login.SayChosen(os.Stderr, a)
	if i.line.HasFlag("v") {
		o.Noise = func(text string) {
			if text != "" {
				io.WriteString(out, ui.FromGateway(text))
			}
		}
	} else {
		// The bridge stays for some seconds, to end commands and to read the list of instances again. Its stderr is
		// ssh's, and x=$(ssh web.clever ls 2>&1) waits until no process has that any more.
		o.Gone = leaveStderr
	}
	o.Prepare = func(ctx context.Context) error {
		if inner.Master == "" {
			return nil // each session logs in by itself, and may have to ask
		}
		defer leaveSession() // from here on nobody is asked; the bridge of a persisted master outlives the window
		err := inner.Connect(ctx)
		if err != nil && ctx.Err() == nil && !i.bySSH { // PuTTY holds back messages before the login, and drops them if it fails
			io.WriteString(out, o.Message(err))
			out.settle()
		}
		return err
	}
	if err := bridge.Serve(context.Background(), os.Stdin, os.Stdout, o); err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}
