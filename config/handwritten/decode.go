package handwritten

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"

	"clever-ssh/config"
)

// block is a Host block and what it gives to the hosts that it matches.
type block struct {
	host *ssh_config.Host
	values
}

// values are the first that were obtained for each keyword, empty where there is none.
type values struct {
	hostName, port, command string
	line                    int // of the command
}

// obtain adds the values that are not there yet (ssh_config(5): "the first obtained value will be used").
func (v *values) obtain(w values) {
	if v.command == "" {
		v.command, v.line = w.command, w.line
	}
	v.hostName, v.port = cmp.Or(v.hostName, w.hostName), cmp.Or(v.port, w.port)
}

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
	blocks := collect(decoded, lines)
	candidates := index(blocks)

	var entries []Entry
	tried, matches := map[string]bool{}, 0
	for _, b := range blocks {
		alias := firstLiteral(b.host)
		if b.command == "" || alias == "" || tried[alias] || f.config.GatewayOf(alias) != nil {
			continue
		}
		tried[alias] = true
		var v values
		for _, i := range candidates(alias) {
			if matches += len(blocks[i].host.Patterns); matches > maxMatches {
				return nil, errors.New("too many of its host patterns are alike")
			}
			if blocks[i].host.Matches(alias) {
				v.obtain(blocks[i].values)
			}
		}
		g := f.gateway(v)
		target, err := config.ParseTarget(v.command)
		if g == nil || err != nil {
			continue
		}
		name, err := config.ParseName(strings.ToLower(alias))
		if err != nil {
			name = ""
		}
		entries = append(entries, Entry{path, b.line, alias, name, target, g.Suffix})
	}
	return entries, nil
}

// collect takes from the decoded blocks what makes an entry.
func collect(decoded *ssh_config.Config, lines []line) []block {
	var blocks []block
	for _, h := range decoded.Hosts {
		b := block{host: h}
		for _, node := range h.Nodes {
			kv, ok := node.(*ssh_config.KV)
			if !ok {
				continue
			}
			switch value := strings.Trim(kv.Value, "\"' \t"); kv.Key {
			case "hostname":
				b.obtain(values{hostName: value})
			case "port":
				b.obtain(values{port: value})
			case "remotecommand":
				b.obtain(values{command: value, line: lines[kv.Pos().Line-1].number})
			}
		}
		if b.values != (values{}) {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// index returns a function that lists, in order, the blocks which may match an alias. The library's own Get would try
// all blocks, which for ten thousand entries takes more than ten seconds. So they are found by how their patterns begin,
// up to the first wildcard: these are the beginnings of the alias.
func index(blocks []block) (candidates func(alias string) []int) {
	beginnings := map[string][]int{}
	for i, b := range blocks {
		for _, p := range b.host.Patterns {
			s := p.String()
			if end := strings.IndexAny(s, "*?"); end >= 0 {
				s = s[:end]
			}
			beginnings[s] = append(beginnings[s], i)
		}
	}
	return func(alias string) []int {
		var list []int
		for end := range len(alias) + 1 {
			list = append(list, beginnings[alias[:end]]...)
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
}

// firstLiteral is the alias that a block is for: its first pattern that is a name and stands for itself, empty where
// there is none.
func firstLiteral(h *ssh_config.Host) string {
	for _, p := range h.Patterns {
		if s := p.String(); !strings.ContainsAny(s, "*?") && s[0] != '!' && len(s) <= maxAlias {
			return s
		}
	}
	return ""
}

// gateway returns the gateway that ssh connects to with these values, nil where it is none.
func (f *finder) gateway(v values) *config.Gateway {
	port, err := strconv.ParseUint(cmp.Or(v.port, "22"), 10, 16)
	if err != nil {
		return nil
	}
	host := strings.TrimSuffix(v.hostName, ".")
	for _, g := range f.config.Gateways {
		if strings.EqualFold(host, g.Address.Host) && uint16(port) == g.Address.Port {
			return g
		}
	}
	return nil
}
