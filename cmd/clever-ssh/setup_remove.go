package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"clever-ssh/config"
)

// removeGateway takes a gateway out of the configuration, and tells what went with it: nothing else remembers that.
func removeGateway(suffix string) error {
	g, err := removeOf(suffix, func(*settings, *config.Gateway) (config.Edit, error) { return config.Edit{Drop: true}, nil })
	if err != nil {
		return err
	}
	note(os.Stderr, "took out the gateway %s, %s, with its entries and host keys", suffix, g.Address)
	var names []string
	for _, n := range g.SortedNames() {
		names = append(names, fmt.Sprintf("%s (%s)", n, g.Names[n]))
	}
	if len(names) > 0 {
		note(os.Stderr, "its names were %s", strings.Join(names, ", "))
	}
	return nil
}

// adviseOnBuiltIn tells what may be meant by taking out the gateway that cannot be.
func adviseOnBuiltIn(s *settings, g *config.Gateway, err error) error {
	var lines []string
	if len(g.Names) > 0 {
		names := "NAME ..."
		if len(g.Names) <= mostNamed {
			names = ""
			for _, n := range g.SortedNames() {
				names += " " + string(n)
			}
			names = names[1:]
		}
		lines = append(lines, "its names: clever-ssh remove "+names)
	}
	if s.text != nil {
		lines = append(lines, "its address, pins, identity and via: edit "+s.path+", then clever-ssh setup")
	}
	return &usageError{hint(err, append(lines, "all that setup wrote: clever-ssh remove --all")...)}
}

// adviseOnName tells why there is no such name to take out.
func adviseOnName(s *settings, g *config.Gateway, arg string) error {
	alias := arg
	if s.config.GatewayOf(strings.ToLower(arg)) == nil {
		alias += "." + g.Suffix
	}
	a, err := s.config.Resolve(alias)
	if err == nil && a.Gateway != g && a.Target != "" && !a.Direct {
		return hint(fmt.Errorf("%s belongs to another gateway", arg), fmt.Sprintf("type: clever-ssh remove %s%s", suffixFlag(a.Gateway.Suffix), strings.TrimSuffix(arg, "."+a.Gateway.Suffix)))
	}
	if err == nil { // a target, or a menu: neither has an entry to take out
		return hint(fmt.Errorf("%s is no registered name", arg), adviceOnNames)
	}
	var known []string
	for _, g := range s.config.Gateways {
		for _, n := range g.SortedNames() {
			known = append(known, string(n)+"."+g.Suffix)
		}
	}
	err = fmt.Errorf("%.80q is no registered name", arg)
	if near := config.Nearest(alias, known); near != "" {
		return hint(err, "did you mean "+near+"?", adviceOnNames)
	}
	return hint(err, adviceOnNames)
}

// removeNames takes names out of the configuration.
func removeNames(suffix string, args []string) error {
	_, err := removeOf(suffix, func(s *settings, g *config.Gateway) (edit config.Edit, err error) {
		for _, arg := range args {
			name := config.Name(strings.TrimSuffix(arg, "."+suffix)) // or the alias
			if _, ok := g.Names[name]; !ok {
				return edit, adviseOnName(s, g, arg)
			}
			edit.Remove = append(edit.Remove, name)
		}
		return edit, nil
	})
	return err
}

// removeOf takes out what is asked for of a gateway, and writes the entries anew. The user's own file has no part in that. It
// returns the gateway as it was.
func removeOf(suffix string, ask func(*settings, *config.Gateway) (config.Edit, error)) (*config.Gateway, error) {
	unlock, err := lockSettings()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := load()
	if err != nil {
		return nil, err
	}
	g := s.config.Gateway(suffix)
	if g == nil {
		return nil, s.noGateway(suffix)
	}
	edit, err := ask(s, g)
	if err != nil {
		return nil, err
	}
	edit.Suffix = suffix
	p, err := newPlan(s, edit, false)
	if errors.Is(err, config.ErrBuiltIn) {
		return nil, adviseOnBuiltIn(s, g, err)
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	if err := p.carryOut(ctx); err != nil {
		return nil, err
	}
	tellOfSessions(p.putty)
	return g, nil
}
