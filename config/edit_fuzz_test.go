package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// The edits that a fuzzer makes, one setting each, so that all bytes that change are in one place.
const (
	addName = iota
	removeName
	setIdentity
	setVia
	setPuTTY
	newGateway
	dropGateway
	edits
)

// Whatever the text is, an edit changes what was asked for, in the configuration and in the bytes, and nothing else.
func FuzzApply(f *testing.F) {
	for kind := range uint8(edits) {
		f.Add(sample, kind, DefaultSuffix, "web", app)
		f.Add(sample, kind, "staging", "web", "~/.ssh/id")
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8, suffix, name, value string) {
		want, err := Parse("x.toml", []byte(text))
		if err != nil || !utf8.ValidString(value) {
			return
		}
		e := Edit{Suffix: suffix, Replace: true}
		g := want.Gateway(suffix)
		if (g == nil) != (kind == newGateway) {
			return
		}
		switch kind {
		case addName:
			n, err := ParseName(name)
			target, errTarget := ParseTarget(value)
			if err != nil || errTarget != nil {
				return
			}
			e.Names = map[Name]Target{n: target}
			g.Names[n] = target
		case removeName:
			e.Remove = []Name{Name(name)}
			delete(g.Names, Name(name))
		case setIdentity:
			e.Identity = value
			if value != "" {
				g.Identity = value
			}
			name = "identity"
		case setVia:
			via, err := ParseVia(value)
			if err != nil {
				return
			}
			e.Via, g.Via = via, via
			name = "via"
		case setPuTTY:
			p, err := ParsePuTTY(value)
			if err != nil {
				return
			}
			e.PuTTY, want.PuTTY = p, p
			name = "putty"
		case newGateway:
			address, err := ParseAddress(value)
			if err != nil || address.IsClever() {
				return
			}
			pins := []Pin{mustPin(otherPin)}
			e.Address, e.Pins = address, pins
			want.Gateways = append(want.Gateways, &Gateway{Suffix: suffix, Address: address, Pins: pins, Names: map[Name]Target{}})
		case dropGateway:
			e.Drop = true
			want.Gateways = slices.DeleteFunc(want.Gateways, func(g *Gateway) bool { return g.Suffix == suffix })
		default:
			return
		}
		after, got, err := Apply("x.toml", []byte(text), e)
		if err != nil {
			// The value may be missing, the suffix may end in another's, and inline tables are left to a person.
			if d, _ := scan("x.toml", []byte(text)); strings.Contains(err.Error(), "would not be a valid") && !d.odd && kind != newGateway {
				t.Errorf("%q and %+v: %v", text, e, err)
			}
			return
		}
		if said(got) != said(want) {
			t.Errorf("%q and %+v make %q, which says\n%s\nwant\n%s", text, e, after, said(got), said(want))
		}
		if kind == dropGateway {
			if !leavesLines(text, string(after)) {
				t.Errorf("%q without the gateway %s is %q", text, suffix, after)
			}
			return
		}
		if why := strays(text, string(after), kind == removeName); why != "" {
			t.Errorf("%q and %+v make %q: %s", text, e, after, why)
		}
		if again, _, err := Apply("x.toml", after, e); err != nil || string(again) != string(after) {
			t.Errorf("%q and %+v make %q, and a second time %q, %v", text, e, after, again, err)
		}
	})
}

// strays says what else an edit of one setting has changed; "" means nothing. It does not know how the edit was made.
func strays(before, after string, removal bool) string {
	// A new setting, with its table: there is a place to cut it out again.
	if start, end := around([]byte(before), []byte(after)); start+end >= len(before) && !removal {
		return ""
	}
	lines, linesAfter := slices.Collect(strings.Lines(before)), slices.Collect(strings.Lines(after))
	start, end := around(lines, linesAfter)
	removed, added := strings.Join(lines[start:len(lines)-end], ""), strings.Join(linesAfter[start:len(linesAfter)-end], "")
	switch {
	case removed == "" && added == "":
		return ""
	case settings(removed) != 1:
		return fmt.Sprintf("%q is not one setting", removed)
	case removal && added != "":
		return fmt.Sprintf("it adds %q", added)
	case removal:
		return ""
	case settings(added) != 1:
		return fmt.Sprintf("%q is not one setting", added)
	}
	// What follows the value, which ends the line, is still there.
	if _, comment, ok := strings.Cut(removed[strings.LastIndexAny(removed, `'"`):], "#"); ok && !strings.HasSuffix(added, "#"+comment) {
		return fmt.Sprintf("%q has lost its comment", added)
	}
	return ""
}

// around returns how many elements two lists share at the beginning, and how many of the others they share at the
// end.
func around[T comparable](a, b []T) (start, end int) {
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	for end < min(len(a), len(b))-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return start, end
}

// settings counts the settings of a text, -1 if it is not valid.
func settings(text string) int {
	var whole map[string]any
	if err := toml.Unmarshal([]byte(text), &whole); err != nil {
		return -1
	}
	return len(whole)
}

// leavesLines reports whether a text is another one with lines left out.
func leavesLines(before, after string) bool {
	rest := slices.Collect(strings.Lines(before))
	for line := range strings.Lines(after) {
		i := slices.Index(rest, line)
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

// said writes down what a configuration contains.
func said(c *Config) string {
	text := fmt.Sprintf("%q %s\n", c.SSHConfig, c.PuTTY)
	for _, g := range c.Gateways {
		text += fmt.Sprintf("%s %s %s %q %v\n", g.Suffix, g.Address, PinList(g.Pins), g.Identity, g.Via.URL())
		for _, n := range g.SortedNames() {
			text += fmt.Sprintf("%s %s\n", n, g.Names[n])
		}
	}
	return text
}
