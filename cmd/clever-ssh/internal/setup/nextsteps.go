package setup

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// step is a command that works now, and what it leads to.
type step struct{ command, meaning string }

// nextSteps lists what to type next, as lines of text. The names that this request registered come first.
func (p *Plan) nextSteps(r *Request) string {
	steps := nameSteps(p.config, r)
	if p.idsWork() {
		steps = append(steps, p.idSteps(r)...)
	}
	for _, g := range p.config.Gateways {
		steps = append(steps, step{"ssh " + g.Suffix, "the gateway's menu"})
	}
	if len(p.sessions.Wanted) > 0 {
		steps = append(steps, puttyStep(p.sessions.Wanted, steps[0]))
	}
	width := 0
	for _, s := range steps {
		width = max(width, len(s.command))
	}
	var text strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&text, "    %-*s   %s\n", width, s.command, s.meaning)
	}
	return text.String()
}

// idsWork reports whether an id can be used without a name.
func (p *Plan) idsWork() bool { return p.layout.Program.Match != "" }

// nameSteps returns steps for the registered names, with the names that a request adds first.
func nameSteps(c *config.Config, r *Request) []step {
	added := maps.Clone(r.Edit.Names)
	if added == nil {
		added = map[config.Name]config.Target{}
	}
	for _, n := range r.account.changes.Added {
		added[n.Name] = n.Target
	}
	var fresh, known []step
	for _, g := range c.Gateways {
		for _, n := range g.SortedNames() {
			s := step{fmt.Sprintf("ssh %s.%s", n, g.Suffix), string(g.Names[n])}
			if _, ok := added[n]; ok && g.Suffix == r.Edit.Suffix {
				fresh = append(fresh, s)
			} else {
				known = append(known, s)
			}
		}
	}
	steps := append(fresh, known...)
	if more := len(steps) - ui.MostNamed; more > 0 {
		steps = append(steps[:ui.MostNamed], step{"...", fmt.Sprintf("and %d more names", more)})
	}
	return steps
}

// idSteps returns steps for the ids of a request, or an example of what an id looks like.
func (p *Plan) idSteps(r *Request) []step {
	if len(r.targets) == 0 && p.config.Account == config.AccountYes && len(p.config.AccountNames) > 0 {
		return nil // all of them have names
	}
	if len(r.targets) == 0 {
		return []step{{"ssh app_<id>." + r.Edit.Suffix, "any application, by its id"}}
	}
	var steps []step
	for _, t := range r.targets {
		steps = append(steps, step{fmt.Sprintf("ssh %s.%s", t, r.Edit.Suffix), "needs no registration"})
	}
	return steps
}

// puttyStep returns the first step with PuTTY, or PuTTY's first saved session if that step has none.
func puttyStep(sessions []string, first step) step {
	alias, ok := strings.CutPrefix(first.command, "ssh ")
	if !ok || !slices.Contains(sessions, alias) {
		alias = sessions[0]
	}
	if path, _ := openssh.FindProgram("putty"); path == "" {
		if path, _ := openssh.FindProgram("plink"); path != "" {
			return step{"plink " + alias, "the same with PuTTY's plink"}
		}
	}
	return step{"putty -load " + alias, "the same in PuTTY's window, or with plink"}
}
