package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

var bridgeCommand = &cli.Command{
	Name:      "bridge",
	Hidden:    true,
	UsageText: "bridge [ALIAS]",
	Description: `Serves SSH on stdin and stdout, to one client, for all that the gateway itself cannot do: commands, files and tunnels. ssh
starts it by itself, from the entries that setup wrote. For other programs, name the alias.`,
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return ui.Usagef("bridge takes one alias at most")
		}
		if term.IsTerminal(int(os.Stdin.Fd())) {
			alias, _ := aliasFor(cmp.Or(c.Args().First(), "ALIAS"))
			return ui.Usagef("bridge is started by ssh, not by hand; type: ssh %s COMMAND", quote.Arg(alias))
		}
		return serveBridge(c.Args().First())
	},
}

// serveBridge serves the client that called, and says what has to be said itself.
func serveBridge(argument string) error {
	prepareProcess()
	// ssh tells its helper to hang up when it ends; then there are commands to be ended on the instance. Nor is Ctrl-C for the
	// bridge: ssh ends of it. (Caught and not ignored, so that the ssh that logs in still ends of both.)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGHUP)
	line, pid, bySSH, callerErr := calledBy(argument == "")
	out := openMessages(pid, bySSH)
	if line.HasFlag("v") {
		ui.Steps = out
	}
	s, err := settings.Load()
	if err != nil {
		return out.refuse(err, bySSH)
	}
	alias, a, err := chooseAlias(s, argument, line, bySSH, callerErr)
	if err != nil {
		return out.refuse(err, bySSH)
	}
	key, err := settings.BridgeKey(s.Layout)
	if err != nil {
		return out.refuse(err, bySSH)
	}
	inner, err := login.New(s, alias, a, line)
	if err != nil {
		return out.refuse(err, bySSH)
	}
	ui.Step("the bridge takes this to %s, by way of %s", a.Target, a.Gateway.Address)
	o := inner.Options(a)
	o.HostKey = key
	o.Warn = func(err error) { ui.Error(out, err) }
	o.Waiting = login.SayWaiting(out.Writer)
	if line.HasFlag("v") {
		o.Noise = func(text string) {
			if text != "" {
				io.WriteString(out, bridge.Quoted(text))
			}
		}
	}
	o.Prepare = func(ctx context.Context) error {
		if inner.Master == "" {
			return nil // each session logs in by itself, and may have to ask
		}
		defer leaveSession() // from here on no person is asked; a persisted master's bridge outlives the window
		err := inner.Connect(ctx)
		if err != nil && !bySSH { // PuTTY keeps what a server says before it lets anybody in, and forgets it if that never comes
			io.WriteString(out, o.Message(err))
			out.settle(bySSH)
		}
		return err
	}
	if err := bridge.Serve(context.Background(), os.Stdin, os.Stdout, o); err != nil {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// chooseAlias finds the alias that a caller wants: what an ssh was asked for is on its command line, any other caller has its wish
// in the argument.
func chooseAlias(s *settings.Settings, argument string, line caller.CommandLine, bySSH bool, callerErr error) (string, config.Alias, error) {
	alias := argument
	switch {
	case callerErr != nil && (bySSH || argument == ""):
		return "", config.Alias{}, unclearError(callerErr)
	case bySSH && s.Config.GatewayOf(line.Destination) != nil:
		alias = line.Destination
	case argument == "":
		return "", config.Alias{}, unclearError(fmt.Errorf("ssh was asked for %q", line.Destination))
	}
	a, err := s.Config.Resolve(alias)
	switch {
	case err == nil && a.Target == "":
		err = menuError(alias)
	case err == nil && argument == "" && !a.Run && !line.WantsBridge():
		err = ui.Hint(fmt.Errorf("%s: an interactive session does not go through the bridge", alias), "run: clever-ssh setup")
	}
	return alias, a, ui.HintAlias(s.Config, err)
}
