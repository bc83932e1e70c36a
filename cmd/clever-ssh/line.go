package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"

	"github.com/urfave/cli/v2"
)

var lineCommand = &cli.Command{
	Name:      "line",
	Hidden:    true,
	UsageText: "line",
	Description: `Keeps a connection to the outpost on an instance. The bridges share it, and
start this when they need it.`,
	Action: func(c *cli.Context) error {
		order := new(lineOrder)
		if c.NArg() > 0 || json.NewDecoder(os.Stdin).Decode(order) != nil {
			return ui.Usagef("line is started by clever-ssh itself, not by hand")
		}
		return keepLine(order)
	},
}

// lineOrder is sent to the process that keeps a line, on its stdin.
type lineOrder struct {
	Alias  string // as a person types it
	Login  login.Told
	Target string // of the instance, or of the application if the line leads there
	Socket string
}

// keepLine keeps a line until nobody uses it any more. Nobody reads its output: the bridges ask it for its
// errors.
func keepLine(order *lineOrder) error {
	prepareHelper()
	leaveSession()
	s, err := settings.Load()
	if err != nil {
		return err
	}
	a, err := s.Config.Resolve(order.Alias)
	if err != nil {
		return err
	}
	inner := order.Login.Inner(a.Gateway)
	if inner.Master != "" {
		os.Chdir("/") // else our starting folder could not be unmounted; logging in needs no path
	}
	inner.BatchOnly()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return line.Serve(ctx, line.Settings{
		Alias:  order.Alias,
		Socket: order.Socket,
		Keep:   a.Gateway.Keep,
		Start: func(ctx context.Context) (io.ReadWriteCloser, error) {
			o, err := bridge.OpenOutpost(ctx, inner.Options(a), order.Target, line.Programs(), ui.Step)
			inner.Hide()
			return o, err
		},
		Dead: func() {
			if inner.Master != "" {
				inner.RetireMaster() // its connection may be dead, too; if only the instance is, others go on
			}
		},
	})
}

// Reasons why there may be no outpost.
var (
	errTurnedOff = ui.Hint(errors.New(`your settings say outpost = "no"`), "take that line out of clever-ssh.toml")
	errNotBuilt  = ui.Hint(errors.New("this build has none"), "install a release, or build with scripts/build.sh")
)

// addLine adds to a bridge's options the Line to the outposts of an alias's instances, or the reason why there
// is none. Call done when finished.
func addLine(o *bridge.Options, a config.Alias, inner *login.Inner) (done func()) {
	switch {
	case a.Gateway.NoOutpost:
		o.NoLine = errTurnedOff
		return func() {}
	case !line.HasPrograms():
		o.NoLine = errNotBuilt
		return func() {}
	case inner.Lines == "" || a.Gateway.Keep == 0:
		own := &line.Own{Start: func(ctx context.Context, target string) (io.ReadWriteCloser, error) {
			return bridge.OpenOutpost(ctx, inner.Options(a), target, line.Programs(), ui.Step)
		}}
		o.Line = own
		return own.Close
	}
	o.Line = &line.Shared{
		Base: inner.Lines,
		Step: ui.Step,
		Begin: func(target, socket string) error {
			return startLine(&lineOrder{Alias: a.Plain(), Login: inner.Tell(), Target: target, Socket: socket})
		},
	}
	return func() {}
}

// startLine starts the process that keeps a line.
func startLine(order *lineOrder) error {
	program, err := sshconfig.FindProgram()
	if err != nil {
		return err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := exec.Command(program, "line")
	cmd.Stdin = in
	inBackground(cmd)
	err = cmd.Start()
	if err == nil {
		go cmd.Wait() // or it would stay a zombie for as long as this process lives
		err = json.NewEncoder(out).Encode(order)
	}
	return errors.Join(err, out.Close())
}
