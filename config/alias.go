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
	Direct   bool     // the label was the target itself, so no registration is needed
	Run      bool     // it was a run alias (web.run.clever): always through the bridge
	Instance Selector // which of the target's instances is meant, if any; the target is then an application
	Base     string   // the alias without the instance and without ".run": web.clever
}

// Plain returns the alias without ".run".
func (a Alias) Plain() string {
	if a.Instance == "" {
		return a.Base
	}
	return string(a.Instance) + "." + a.Base
}

// RunAlias returns the run alias for the same place.
func (a Alias) RunAlias() string {
	return strings.TrimSuffix(a.Plain(), a.Gateway.Suffix) + "run." + a.Gateway.Suffix
}

// UnknownAliasError says that an alias does not name anything in the configuration.
type UnknownAliasError struct {
	Alias    string   // as typed; hostile
	Known    []string // the aliases that would have worked, sorted
	Gateway  *Gateway // the gateway whose suffix it ends in, or nil
	Selector Selector // the selector that it begins with, if any
	Label    string   // the rest, without those and without ".run"
}

func (e *UnknownAliasError) Error() string { return fmt.Sprintf("unknown alias %q", e.Alias) }

// Resolve finds what an alias stands for. The suffix alone is the gateway's menu. A label that is a target stands for
// itself; any other label must be a registered name. Either may have a selector before it. The error is an
// [*UnknownAliasError].
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
				ok = ok && !a.Target.IsInstance() // an instance has no others
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

// GatewayOf returns the gateway whose entries apply to a host, whether or not the host is a known alias, or nil. No
// suffix ends in another, so there is at most one.
func (c *Config) GatewayOf(host string) *Gateway {
	for _, g := range c.Gateways {
		if host == g.Suffix || strings.HasSuffix(host, "."+g.Suffix) {
			return g
		}
	}
	return nil
}

// Aliases lists all registered aliases and the menus, sorted.
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

// Meant returns the alias that a person most probably meant, or an empty string if none is close. Sure says that they
// only left out the suffix or used capitals; otherwise a finger slipped.
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

// maxTyped is the length of the longest text that is compared with others. No host name is longer, and the cost of
// the distance grows with the square of the length.
const maxTyped = 255

// Nearest returns the known word that a person most probably meant: at most two slips of the finger away from the
// typed one, with more of it right than wrong. It is empty if none is close.
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
