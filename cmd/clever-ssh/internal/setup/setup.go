package setup

import (
	"maps"
	"os"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// CarryOut carries out a request: everything is written, or nothing.
func (r *Request) CarryOut() error {
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
	if err := r.addFound(s); err != nil {
		return err
	}
	p, err := NewPlan(s, r.Edit, !r.NoInclude)
	if err != nil {
		return err
	}
	if p.config.Gateway(r.Edit.Suffix).Address.IsClever() { // of another's ids nothing is known
		for _, doubt := range r.doubts {
			ui.Error(os.Stderr, doubt)
		}
	}
	if r.NoInclude && r.DryRun {
		p.printLine()
	}
	if r.DryRun {
		return p.print()
	}
	g := p.config.Gateway(r.Edit.Suffix)
	p.probe = openssh.Probe{Alias: g.Suffix, HostKeyAlias: g.HostKeyAlias()}
	for _, name := range slices.Sorted(maps.Keys(r.Edit.Names)) {
		p.ask(g, string(name), r.Edit.Names[name])
	}
	if len(r.targets) > 0 && p.layout.Program.Match != "" {
		p.ask(g, string(r.targets[0]), r.targets[0])
	}
	overridden, ways := p.overrides(ctx, s.Config)
	if err := p.carryOut(ctx); err != nil {
		return err
	}
	if len(overridden) > 0 {
		ui.Note(os.Stderr, "what your ssh configuration says of %s counts no more: clever-ssh's entries come first", strings.Join(overridden, " and "))
	}
	for _, way := range ways {
		ui.Error(os.Stderr, way)
	}
	return p.report(ctx, r)
}
