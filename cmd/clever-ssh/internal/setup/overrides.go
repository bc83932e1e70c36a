package setup

import (
	"bytes"
	"context"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// overrides asks ssh, before the entries are written, what the user's own configuration says about hosts that
// will be ours. It returns the hosts whose existing entries the new ones override, and an error for each jump
// host or proxy that ssh no longer uses.
func (p *Plan) overrides(ctx context.Context, before *config.Config) (hosts []string, ways []error) {
	if p.ssh == "" || p.userFile.Old == nil {
		return nil, nil
	}
	included := bytes.Equal(p.userFile.Old, p.userFile.New)
	for _, g := range p.config.Gateways {
		if included && before.Gateway(g.Suffix) != nil {
			continue // asked already, when the entries were new
		}
		for _, host := range []string{g.Suffix, "any." + g.Suffix} {
			options, err := p.ssh.Options(ctx, p.layout, host)
			if err != nil {
				return nil, nil // carryOut reports the error
			}
			if way := wayOf(options); way != "" && host != g.Suffix && g.Via.URL() == nil {
				ways = append(ways, ui.UnusedWay(way, "*."+g.Suffix, g))
			}
			name, command := openssh.Option(options, "hostname"), openssh.Option(options, "remotecommand")
			if (name != "" && name != host && !strings.EqualFold(name, g.Address.Host)) || (command != "" && command != "none") {
				hosts = append(hosts, strings.Replace(host, "any.", "*.", 1))
			}
		}
	}
	return hosts, ways
}

// wayOf returns the ProxyJump or ProxyCommand in the output of ssh -G, as a line of ssh_config; empty if there
// is none.
func wayOf(options string) string {
	for _, keyword := range []string{"ProxyJump", "ProxyCommand"} {
		if value := openssh.Option(options, strings.ToLower(keyword)); value != "" && value != "none" {
			return keyword + " " + value
		}
	}
	return ""
}
