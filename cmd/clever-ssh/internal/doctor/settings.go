package doctor

import (
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// checkSettings reports whether clever-ssh.toml could be read.
func (e *examination) checkSettings(err error) {
	const check = "settings"
	if err != nil {
		e.fail(check, "", err)
		return
	}
	s := e.settings
	if s.Text == nil {
		e.ok(check, "", "the built-in ones: there is no %s", s.Path)
		return
	}
	for _, g := range s.Config.Gateways {
		if u := g.Via.URL(); u != nil && u.User != nil && othersCanRead(s.Path) {
			e.warn(check, "", s.Path+" contains a proxy's password, and others can read it", "type: chmod 600 "+quote.Arg(s.Path))
			return
		}
	}
	names := 0
	for _, g := range s.Config.Gateways {
		names += len(g.Names)
	}
	e.ok(check, "", "%s, with %s", s.Path, ui.Counted(names, "name"))
}

// checkAlias finds out what the alias stands for.
func (e *examination) checkAlias(alias string) {
	if alias == "" {
		return
	}
	const check = "alias"
	if e.settings == nil {
		e.skip(check, alias, "the settings cannot be read")
		return
	}
	a, err := e.settings.Config.Resolve(alias)
	if err != nil {
		e.fail(check, "", ui.HintAlias(e.settings.Config, err))
		return
	}
	e.alias, e.resolved, e.gateways = alias, a, []*config.Gateway{a.Gateway}
	what := "the gateway's menu"
	if a.Target != "" {
		what = string(a.Target)
	}
	if a.Instance != "" {
		what += ", " + a.Instance.InWords()
	}
	if a.Run {
		what += ", through the bridge"
	}
	e.ok(check, alias, "%s, at %s", what, a.Gateway.Address)
}
