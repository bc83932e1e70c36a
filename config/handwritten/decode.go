package handwritten

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"

	"clever-ssh/config"
)

// decode returns the entries of one file, in the order of their lines.
func (f *finder) decode(path string, lines []line) ([]Entry, error) {
	var text strings.Builder
	patterns := 0
	for _, l := range lines {
		if len(l.text) > maxLine {
			return nil, fmt.Errorf("line %d is longer than %d bytes", l.number, maxLine)
		}
		if strings.HasPrefix(l.text, "host ") {
			patterns += strings.Count(l.text, " ")
		}
		text.WriteString(l.text + "\n")
	}
	if patterns > maxPatterns {
		return nil, fmt.Errorf("it has more than %d host patterns", maxPatterns)
	}
	decoded, err := ssh_config.DecodeBytes([]byte(text.String()))
	if err != nil {
		return nil, fmt.Errorf("%q", err.Error()) // it repeats the text
	}
	var entries []Entry
	seen := map[string]bool{}
	for _, h := range decoded.Hosts {
		alias := firstLiteral(h)
		if alias == "" || seen[alias] {
			continue
		}
		at := commandLine(h)
		if at == 0 {
			continue
		}
		if seen[alias] = true; len(seen) > maxEntries {
			return nil, fmt.Errorf("it has more than %d entries", maxEntries)
		}
		// The HostName is often in a block of its own, shared by many.
		get := func(keyword string) string {
			value, _ := decoded.Get(alias, keyword)
			return strings.Trim(value, "\"' \t")
		}
		g := f.gateway(get("hostname"), get("port"))
		target, err := config.ParseTarget(get("remotecommand"))
		if g == nil || err != nil {
			continue
		}
		name, err := config.ParseName(strings.TrimSuffix(strings.ToLower(alias), "."+g.Suffix))
		if err != nil {
			name = ""
		}
		entries = append(entries, Entry{path, lines[at-1].number, alias, name, target, g.Suffix})
	}
	return entries, nil
}

// commandLine returns the line of a block's RemoteCommand, or 0.
func commandLine(h *ssh_config.Host) int {
	for _, node := range h.Nodes {
		if kv, ok := node.(*ssh_config.KV); ok && kv.Key == "remotecommand" {
			return kv.Pos().Line
		}
	}
	return 0
}

// firstLiteral returns the alias that a block is for: its first pattern that is a plain name, or an empty string.
func firstLiteral(h *ssh_config.Host) string {
	for _, p := range h.Patterns {
		if s := p.String(); !strings.ContainsAny(s, "*?") && s[0] != '!' && len(s) <= maxAlias {
			return s
		}
	}
	return ""
}

// gateway returns the gateway that ssh connects to with these values, or nil if it is not one of ours.
func (f *finder) gateway(hostName, port string) *config.Gateway {
	n, err := strconv.ParseUint(cmp.Or(port, "22"), 10, 16)
	if err != nil {
		return nil
	}
	host := strings.TrimSuffix(hostName, ".")
	for _, g := range f.config.Gateways {
		if strings.EqualFold(host, g.Address.Host) && uint16(n) == g.Address.Port {
			return g
		}
	}
	return nil
}
