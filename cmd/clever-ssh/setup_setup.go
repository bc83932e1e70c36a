package main

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// carryOut carries out a request: everything is written, or nothing.
func (r *request) carryOut() error {
	if !r.dryRun {
		unlock, err := lockSettings()
		if err != nil {
			return err
		}
		defer unlock()
	}
	ctx, stop := untilInterrupted()
	defer stop()
	s, err := load()
	if err != nil {
		return err
	}
	if err := r.addFound(s); err != nil {
		return err
	}
	p, err := newPlan(s, r.edit, !r.noInclude)
	if err != nil {
		return err
	}
	if p.config.Gateway(r.edit.Suffix).Address.IsClever() { // of another's ids nothing is known
		for _, doubt := range r.doubts {
			say(os.Stderr, doubt)
		}
	}
	if r.noInclude && r.dryRun {
		p.printLine()
	}
	if r.dryRun {
		return p.print()
	}
	g := p.config.Gateway(r.edit.Suffix)
	p.probe = probe{alias: g.Suffix, hostKeyAlias: g.HostKeyAlias()}
	for _, name := range slices.Sorted(maps.Keys(r.edit.Names)) {
		p.ask(g, string(name), r.edit.Names[name])
	}
	if len(r.targets) > 0 && p.layout.Program.Match != "" {
		p.ask(g, string(r.targets[0]), r.targets[0])
	}
	overridden, ways := p.overrides(ctx, s.config)
	if err := p.carryOut(ctx); err != nil {
		return err
	}
	if len(overridden) > 0 {
		note(os.Stderr, "what your ssh configuration says of %s counts no more: clever-ssh's entries come first", strings.Join(overridden, " and "))
	}
	for _, way := range ways {
		say(os.Stderr, way)
	}
	return p.report(ctx, r)
}
