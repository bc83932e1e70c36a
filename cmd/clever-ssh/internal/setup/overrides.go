package setup

import (
	"bytes"
	"context"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// overrides lists what the user's own configuration made of a suffix that is new to it, before the entries are there; and which
// ways to these hosts it names, that are not used any more.
func (p *Plan) overrides(ctx context.Context, before *config.Config) (list []string, ways []error) {
	user := p.userFile
	for _, g := range p.config.Gateways {
		if p.ssh == "" || user.Old == nil || (before.Gateway(g.Suffix) != nil && bytes.Equal(user.Old, user.New)) {
			continue
		}
		for _, host := range []string{g.Suffix, "any." + g.Suffix} {
			options, err := p.ssh.Options(ctx, p.layout, host)
			if err != nil {
				return nil, nil // carryOut will tell
			}
			if way := wayOf(options); way != "" && host != g.Suffix && g.Via.URL() == nil {
				ways = append(ways, ui.UnusedWay(way, "*."+g.Suffix, g))
			}
			name, command := openssh.Option(options, "hostname"), openssh.Option(options, "remotecommand")
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
		if value := openssh.Option(options, strings.ToLower(keyword)); value != "" && value != "none" {
			return keyword + " " + value
		}
	}
	return ""
}
