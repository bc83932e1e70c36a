package main

import (
	"bytes"
	"context"
	"strings"

	"clever-ssh/config"
)

// overrides lists what the user's own configuration made of a suffix that is new to it, before the entries are there; and which
// ways to these hosts it names, that are not used any more.
func (p *plan) overrides(ctx context.Context, before *config.Config) (list []string, ways []error) {
	user := p.changes[len(p.changes)-1]
	for _, g := range p.config.Gateways {
		if p.ssh == "" || user.Old == nil || (before.Gateway(g.Suffix) != nil && bytes.Equal(user.Old, user.New)) {
			continue
		}
		for _, host := range []string{g.Suffix, "any." + g.Suffix} {
			options, err := p.ssh.options(ctx, p.layout, host)
			if err != nil {
				return nil, nil // carryOut will tell
			}
			if way := wayOf(options); way != "" && host != g.Suffix && g.Via.URL() == nil {
				ways = append(ways, unusedError(way, "*."+g.Suffix, g))
			}
			name, command := optionOf(options, "hostname"), optionOf(options, "remotecommand")
			if (name != "" && name != host && !strings.EqualFold(name, g.Address.Host)) || (command != "" && command != "none") {
				list = append(list, strings.Replace(host, "any.", "*.", 1))
			}
		}
	}
	return list, ways
}

// wayOf is the ProxyJump or ProxyCommand in what ssh -G prints, as a line of ssh_config; empty where there is none.
func wayOf(options string) string {
	for _, keyword := range []string{"ProxyJump", "ProxyCommand"} {
		if value := optionOf(options, strings.ToLower(keyword)); value != "" && value != "none" {
			return keyword + " " + value
		}
	}
	return ""
}
