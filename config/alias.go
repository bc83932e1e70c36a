package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xrash/smetrics"
)

// Alias is what a person types after `ssh`, resolved.
type Alias struct {
	Gateway  *Gateway
	Target   Target   // empty for the gateway's own menu
	Direct   bool     // the label was the target itself, so that no registration is needed
	Run      bool     // it was a run alias (web.run.clever): always through the bridge
	Instance Selector // which of the target's instances is meant, empty if the alias does not say that; the target is an application
	Base     string   // the alias without that, and without ".run": web.clever
}

// Plain is the alias without ".run", if there is one in it.
func (a Alias) Plain() string {
	if a.Instance == "" {
		return a.Base
	}
	return string(a.Instance) + "." + a.Base
}

// RunAlias is the run alias of the same place.
func (a Alias) RunAlias() string {
	return strings.TrimSuffix(a.Plain(), a.Gateway.Suffix) + "run." + a.Gateway.Suffix
}

// UnknownAliasError says that an alias names nothing that is configured.
type UnknownAliasError struct {
	Alias    string   // as typed; hostile
	Known    []string // the aliases that would have been understood, sorted
	Gateway  *Gateway // whose suffix it ends in; nil if there is none
	Selector Selector // that it begins with; empty if there is none
	Label    string   // what is left of it without those, and without ".run"
}

func (e *UnknownAliasError) Error() string { return fmt.Sprintf("unknown alias %q", e.Alias) }

// Resolve finds what an alias stands for: the suffix alone is the gateway's menu, a label that is a target stands for itself, any
// other label must be a registered name, or one of these with a selector before it. The error is an [*UnknownAliasError].
func (c *Config) Resolve(alias string) (Alias, error) {
	g := c.GatewayOf(alias)
	if g != nil && alias == g.Suffix {
		return Alias{Gateway: g, Base: alias}, nil
	}
	unknown := &UnknownAliasError{Alias: alias, Gateway: g, Label: alias}
	if g != nil {
		label, run := strings.CutSuffix(strings.TrimSuffix(alias, "."+g.Suffix), runLabel)
		a, ok := g.lookUp(label)
		if !ok {
			if selector, rest, selects := cutSelector(label); selects {
				a, ok = g.lookUp(rest)
				ok = ok && !a.Target.IsInstance() // which has no others
				a.Instance, label = selector, rest
			}
		}
		if ok {
			a.Run, a.Base = run, label+"."+g.Suffix
			return a, nil
		}
		unknown.Selector, unknown.Label = a.Instance, label
	}
	unknown.Known = c.Aliases()
	return Alias{}, unknown
}

// lookUp finds a label that is a target or a registered name.
func (g *Gateway) lookUp(label string) (a Alias, ok bool) {
	if t, err := ParseTarget(label); err == nil {
		return Alias{Gateway: g, Target: t, Direct: true}, true
	}
	t, ok := g.Names[Name(label)]
	return Alias{Gateway: g, Target: t}, ok
}

// GatewayOf returns the gateway whose entries are for a host, whether or not that is a known alias; nil where there
// is none. No suffix ends in another's, so there is at most one.
func (c *Config) GatewayOf(host string) *Gateway {
	for _, g := range c.Gateways {
		if host == g.Suffix || strings.HasSuffix(host, "."+g.Suffix) {
			return g
		}
	}
	return nil
}

// Aliases lists every alias that is registered, and the menus, sorted.
func (c *Config) Aliases() []string {
	var list []string
	for _, g := range c.Gateways {
		list = append(list, g.Suffix)
		for name := range g.Names {
			list = append(list, string(name)+"."+g.Suffix)
		}
	}
	slices.Sort(list)
	return list
}

// Meant returns the alias that a person most probably meant, empty if none is near. Sure is whether they left out the suffix at
// most, or used capitals; otherwise a finger slipped.
func (c *Config) Meant(typed string) (alias string, sure bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	lower := strings.ToLower(typed)
	spellings := []string{lower}
	for _, g := range c.Gateways {
		spellings = append(spellings, lower+"."+g.Suffix)
	}
	for _, alias := range spellings {
		if _, err := c.Resolve(alias); err == nil {
			return alias, true
		}
	}
	return Nearest(typed, c.Aliases()), false
}

// maxTyped is the length of the longest text that is compared with others: no host name is longer, and the distance costs its
// square.
const maxTyped = 255

// Nearest returns the one of the known words that a typed one most probably meant: two slips of the finger away at most, with
// more of it right than wrong. It is empty if none is near.
func Nearest(typed string, known []string) string {
	if len(typed) > maxTyped {
		return ""
	}
	best, distance := "", min(3, (len(typed)+1)/2)
	for _, word := range known {
		if d := smetrics.WagnerFischer(strings.ToLower(typed), word, 1, 1, 1); d < distance {
			best, distance = word, d
		}
	}
	return best
}
