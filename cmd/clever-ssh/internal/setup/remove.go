package setup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// RemoveGateway removes a gateway from the settings. It prints the names that go with it, because nothing else
// remembers them.
func RemoveGateway(suffix string) error {
	g, err := carryOutRemoval(suffix, func(*settings.Settings, *config.Gateway) (config.Edit, error) { return config.Edit{Drop: true}, nil })
	if err != nil {
		return err
	}
	ui.Note(os.Stderr, "removed the gateway %s, %s, with its entries and host keys", suffix, g.Address)
	var names []string
	for _, n := range g.SortedNames() {
		names = append(names, fmt.Sprintf("%s (%s)", n, g.Names[n]))
	}
	if len(names) > 0 {
		ui.Note(os.Stderr, "its names were %s", strings.Join(names, ", "))
	}
	return nil
}

// hintBuiltIn adds to the refusal to remove the built-in gateway what was probably meant.
func hintBuiltIn(s *settings.Settings, g *config.Gateway, err error) error {
	var lines []string
	if len(g.Names) > 0 {
		names := "NAME ..."
		if len(g.Names) <= ui.MostNamed {
			names = ""
			for _, n := range g.SortedNames() {
				names += " " + string(n)
			}
			names = names[1:]
		}
		lines = append(lines, "to remove its names: clever-ssh remove "+names)
	}
	if s.Text != nil {
		lines = append(lines, "to change its address, pins, identity or via: edit "+s.Path+", then clever-ssh setup")
	}
	return ui.Usagef("%w", ui.Hint(err, append(lines, "to remove everything that setup wrote: clever-ssh remove --all")...))
}

// unknownName returns the error for a name that is not registered. It says what the argument is instead, or
// which name was probably meant.
func unknownName(s *settings.Settings, g *config.Gateway, arg string) error {
	alias := arg
	if s.Config.GatewayOf(strings.ToLower(arg)) == nil {
		alias += "." + g.Suffix
	}
	a, err := s.Config.Resolve(alias)
	if err == nil && a.Gateway != g && a.Target != "" && !a.Direct {
		return ui.Hint(fmt.Errorf("%s belongs to another gateway", arg), fmt.Sprintf("type: clever-ssh remove %s%s", ui.SuffixFlag(a.Gateway.Suffix), strings.TrimSuffix(arg, "."+a.Gateway.Suffix)))
	}
	if err == nil { // a target or a menu has no entry to remove
		return ui.Hint(fmt.Errorf("%s is not a registered name", arg), ui.ListNames)
	}
	var known []string
	for _, g := range s.Config.Gateways {
		for _, n := range g.SortedNames() {
			known = append(known, string(n)+"."+g.Suffix)
		}
	}
	err = fmt.Errorf("%.80q is not a registered name", arg)
	if near := config.Nearest(alias, known); near != "" {
		return ui.Hint(err, "did you mean "+near+"?", ui.ListNames)
	}
	return ui.Hint(err, ui.ListNames)
}

// RemoveNames removes names of a gateway from the settings. Each argument is a name or its alias.
func RemoveNames(suffix string, args []string) error {
	_, err := carryOutRemoval(suffix, func(s *settings.Settings, g *config.Gateway) (edit config.Edit, err error) {
		for _, arg := range args {
			name := config.Name(strings.TrimSuffix(arg, "."+suffix))
			if _, ok := g.Names[name]; !ok {
				return edit, unknownName(s, g, arg)
			}
			if _, ok := s.Config.FromAccount(g, name); ok {
				return edit, ui.Hint(fmt.Errorf("%s is a name from your account: setup would register it again", arg), "to remove all of them: clever-ssh setup --account=no")
			}
			edit.Remove = append(edit.Remove, name)
		}
		return edit, nil
	})
	return err
}

// carryOutRemoval carries out an edit that removes a gateway, or something of it. It leaves the user's own file
// alone, and returns the gateway as it was before.
func carryOutRemoval(suffix string, plan func(*settings.Settings, *config.Gateway) (config.Edit, error)) (*config.Gateway, error) {
	unlock, err := settings.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := settings.Load()
	if err != nil {
		return nil, err
	}
	g := s.Config.Gateway(suffix)
	if g == nil {
		return nil, s.NoGateway(suffix)
	}
	edit, err := plan(s, g)
	if err != nil {
		return nil, err
	}
	edit.Suffix = suffix
	p, err := NewPlan(s, edit, false)
	if errors.Is(err, config.ErrBuiltIn) {
		return nil, hintBuiltIn(s, g, err)
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	if err := p.carryOut(ctx); err != nil {
		return nil, err
	}
	noteSessionsLeft(p.sessions)
	return g, nil
}
