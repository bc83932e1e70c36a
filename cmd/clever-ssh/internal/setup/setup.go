// Package setup writes everything that follows from an edit of the settings, or nothing: clever-ssh.toml, the
// ssh_config entries, the line that includes them and PuTTY's saved sessions. If a file cannot be written, if
// ssh then refuses its configuration, or if the user interrupts, setup puts everything back. Remove undoes what
// setup wrote, and restores the same bytes.
package setup

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/term"
)

// CarryOut carries out a request and prints its result to stdout: what to type next, or the differences of a dry run.
func (r *Request) CarryOut() error {
	r.typed = len(r.Edit.Names) > 0 || len(r.targets) > 0
	asking, stop := ui.UntilInterrupted()
	r.askAccount(asking)
	interrupted := context.Cause(asking)
	stop() // so that an interrupt ends the wait for the lock
	if interrupted != nil {
		return interrupted
	}
	if !r.DryRun {
		unlock, err := settings.Lock()
		if err != nil {
			return err
		}
		defer unlock()
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	s, err := settings.Load()
	if err != nil {
		return err
	}
	if err := r.discover(s); err != nil {
		return err
	}
	if err := r.addAccount(s); err != nil {
		return err
	}
	p, err := newPlan(s, r.Edit, r.accountNames, !r.NoInclude)
	if err != nil {
		r.noteFound() // nobody typed these names, and the error may be about them
		return err
	}
	if p.config.Gateway(r.Edit.Suffix).Address.IsClever() { // we know nothing about other gateways' ids
		for _, doubt := range r.doubts {
			ui.Error(os.Stderr, doubt)
		}
	}
	if r.DryRun {
		r.noteAccount()
		return r.showDifferences(p)
	}
	text, err := r.write(ctx, s, p)
	fmt.Print(text)
	return err
}

// showDifferences prints what the plan would change. On a terminal it escapes the content of the files, like
// everything else there.
func (r *Request) showDifferences(p *Plan) error {
	if r.NoInclude {
		fmt.Print(p.missingLine())
	}
	text, err := p.differences()
	if err != nil || len(text) == 0 {
		return err
	}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Print(forTerminal(text))
		return nil
	}
	_, err = os.Stdout.Write(text)
	return err
}

// write carries out the plan and returns what to print.
func (r *Request) write(ctx context.Context, s *settings.Settings, p *Plan) (text string, err error) {
	p.chooseProbe(r)
	overridden, ways := p.overrides(ctx, s.Config)
	if err := p.carryOut(ctx); err != nil {
		return "", err
	}
	if len(overridden) > 0 {
		ui.Note(os.Stderr, "clever-ssh's entries now come first and override yours for %s", strings.Join(overridden, " and "))
	}
	for _, way := range ways {
		ui.Error(os.Stderr, way)
	}
	return p.outcome(ctx, r)
}

// chooseProbe chooses what to ask ssh about: an id of the request if ids work here, else a name, else the
// gateway's menu.
func (p *Plan) chooseProbe(r *Request) {
	g := p.config.Gateway(r.Edit.Suffix)
	p.probe = openssh.Probe{Alias: g.Suffix, HostKeyAlias: g.HostKeyAlias()}
	if names := slices.Sorted(maps.Keys(r.Edit.Names)); len(names) > 0 {
		last := names[len(names)-1]
		p.probe.Alias, p.probe.Target = string(last)+"."+g.Suffix, r.Edit.Names[last]
	}
	if added := r.account.changes.Added; p.probe.Target == "" && len(added) > 0 && added[0].Target == g.Names[added[0].Name] {
		p.probe.Alias, p.probe.Target = string(added[0].Name)+"."+g.Suffix, added[0].Target
	}
	if len(r.targets) > 0 && p.idsWork() {
		p.probe.Alias, p.probe.Target = string(r.targets[0])+"."+g.Suffix, r.targets[0]
	}
}
