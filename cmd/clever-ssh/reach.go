package main

import (
	"context"
	"errors"
	"io"
	"os"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/caller"
)

// resolve returns what an alias stands for, and refuses the menu.
func resolve(alias string) (*settings.Settings, config.Alias, error) {
	s, err := settings.Load()
	if err != nil {
		return nil, config.Alias{}, err
	}
	a, err := s.Config.Resolve(alias)
	if err == nil && a.Target == "" {
		err = menuError(alias)
	}
	return s, a, ui.HintAlias(s.Config, err)
}

// reach logs in for an alias, and prints its own message if that fails. Call done when no more sessions are
// needed.
func reach(ctx context.Context, s *settings.Settings, a config.Alias) (o bridge.Options, inner *login.Inner, done func(), err error) {
	inner, err = login.Prepare(s, a, caller.CommandLine{})
	if err != nil {
		return o, nil, nil, err
	}
	ui.Step("%s stands for %s, through %s", a.Plain(), a.Target, a.Gateway.Address)
	forget, err := login.WithoutEntries(s, inner)
	if err != nil {
		return o, nil, nil, err
	}
	o = inner.Options(a)
	end := addLine(&o, a, inner)
	done = func() {
		end()
		forget()
	}
	o.Warn = func(err error) { ui.Error(os.Stderr, err) }
	o.Waiting, o.Missing = login.SayWaiting(os.Stderr, a)
	o.Chosen = login.SayChosen(os.Stderr, a)
	if err = inner.Connect(ctx); err != nil {
		done()
		return o, nil, nil, failed(ctx, o, err)
	}
	return o, inner, done, nil
}

// interrupted is the status that shells give a command ended by Ctrl-C.
const interrupted = 130

// failed prints why there is no command, unless the user interrupted it.
func failed(ctx context.Context, o bridge.Options, err error) error {
	if ctx.Err() != nil {
		return ui.ExitStatus(interrupted)
	}
	io.WriteString(os.Stderr, o.Message(err))
	return ui.ExitStatus(bridge.StatusFailed)
}

// withStatus returns the exit status of a command on the instance, or of a program that depends on it. It prints an
// error before the command began, which never looks like the command's exit status.
func withStatus(err error) error {
	var status ui.ExitStatus
	if err == nil || errors.As(err, &status) {
		return err
	}
	ui.Error(os.Stderr, err)
	return ui.ExitStatus(bridge.StatusFailed)
}
