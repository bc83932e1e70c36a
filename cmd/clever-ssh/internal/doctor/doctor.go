// Package doctor checks everything between this machine and a prompt, in the order in which a connection needs
// it, and says how to fix what is wrong. It changes nothing, asks no questions, and ends in time, even if a
// program, the network or a disk hangs.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// doctorPatience bounds checks that wait for programs and the network. examinationEnd bounds everything: no
// deadline helps against a disk that does not answer.
const (
	doctorPatience = 13 * time.Second
	examinationEnd = 14500 * time.Millisecond
)

// Examine examines everything for an alias, or for an empty alias whatever all aliases need, and prints a
// report. The error is the exit status if a check failed.
func Examine(alias string, asJSON bool, b Build) error {
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, doctorPatience, fmt.Errorf("the examination stopped after %v", doctorPatience))
	defer cancel()
	e := &examination{report: newReport(asJSON, b.Version), build: b, ssh: openssh.Find()}
	e.checkEnvironment(ctx)
	os.Setenv(openssh.LookOnlyVariable, "1")
	errSettings, err := e.load()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.runChecks(ctx, alias, errSettings)
	}()
	select {
	case <-done:
	case <-time.After(examinationEnd):
		e.fail("time", "", fmt.Errorf("the next check did not finish within %v and was abandoned", examinationEnd), "is a program that it starts hanging, or a disk?")
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Cause(ctx)
	}
	return e.end()
}

// load reads the settings. If it cannot, it assumes that the entries are in their default place; a check
// reports the error.
func (e *examination) load() (errSettings, err error) {
	s, errSettings := settings.Load()
	if errSettings != nil {
		e.layout, err = settings.LayoutOf(config.Default())
		return errSettings, err
	}
	e.settings, e.layout, e.gateways = s, s.Layout, s.Config.Gateways
	return nil, nil
}

// runChecks runs the checks one after another: later checks need the results of earlier ones.
func (e *examination) runChecks(ctx context.Context, alias string, errSettings error) {
	e.checkProgram()
	e.checkClients(ctx)
	e.checkSettings(errSettings)
	e.checkAlias(alias)
	e.checkFiles()
	e.checkInclude(ctx)
	e.checkOptions(ctx)
	e.checkHome()
	asked := e.startAccount(ctx)
	loggedIn := e.startLogin(ctx) // in parallel: one after another would take too long on a slow connection
	e.checkGateways(ctx)
	e.checkClock(time.Now())
	e.checkKeys(ctx)
	e.checkAccount(asked)
	e.checkLogin(loggedIn)
	e.checkPuTTY()
}
