package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is the text of clever-ssh.toml with the place of everything in it. A decoder that fills structs
// would lose these places; errors need them to name a line, and edits to leave the rest of the text alone.
type document struct {
	name   string // for messages
	text   []byte
	tables []table // the first is the nameless one above all headers
	odd    bool    // it has dotted keys or inline tables, which define tables on their way
}

// table is one [header] or [[header]] with the settings below it.
type table struct {
	path     []string
	array    bool
	start    int // offset of the header's key
	end      int // offset behind the last byte of the table's last expression, or of its header
	settings []setting
}

// setting is one key and its value. A dotted key and an inline table become one setting for each value.
type setting struct {
	path       []string // from the root of the document
	start, end int      // offsets of the whole expression, key and value, as it is written
	inline     bool     // inside an inline table
	value      value
}

// value is a TOML value as far as this file needs it: a string, or an array of strings.
type value struct {
	kind    unstable.Kind
	text    string
	offset  int
	members []value
}

// scan reads the text. An error names the file and the line.
func scan(name string, text []byte) (*document, error) {
	d := &document{name: name, text: text, tables: []table{{}}}
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, start, end := key(e)
			d.tables = append(d.tables, table{path: path, array: e.Kind == unstable.ArrayTable, start: start, end: end})
		case unstable.KeyValue:
			t := &d.tables[len(d.tables)-1]
			t.end = int(e.Raw.Offset + e.Raw.Length)
			d.flatten(t, t.path, e, setting{start: int(e.Raw.Offset), end: t.end})
		}
	}
	if err := p.Error(); err == nil && !d.repeats() {
		return d, nil
	}
	// The decoder names lines, and knows what may be said twice. Its time grows with the square of the names, so only a text
	// that is probably wrong comes here.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ := at.Position()
			return nil, fmt.Errorf("%s:%d: %s", name, line, strings.TrimPrefix(at.Error(), "toml: "))
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.Error(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// repeats reports whether the document may give a key twice or define a table twice, which only shows in the whole. It
// may be wrong, but only on the safe side.
func (d *document) repeats() bool {
	seen := map[string]bool{}
	gateways := 0
	// in is a path as a key of the map. Each [[gateway]] begins anew with what is below it.
	in := func(path []string) string {
		if path[0] == "gateway" && len(path) > 1 {
			return fmt.Sprintf("%d\x00%q", gateways, path)
		}
		if len(path) == 2 && path[0] == "names" { // nearly all of them
			return "names\x00" + path[1]
		}
		return fmt.Sprintf("%q", path)
	}
	for _, t := range d.tables {
		switch {
		case t.array && len(t.path) == 1 && !seen[in(t.path)]:
			gateways++
		case t.array:
			return true
		case len(t.path) > 0:
			if seen[in(t.path)] {
				return true
			}
			seen[in(t.path)] = true
		}
		for _, s := range t.settings {
			if seen[in(s.path)] {
				return true
			}
			seen[in(s.path)] = true
		}
	}
	return d.odd
}

// flatten adds the settings of one key-value expression to the table; s says where the expression stands.
func (d *document) flatten(t *table, parent []string, e *unstable.Node, s setting) {
	path, offset, _ := key(e)
	s.path = slices.Concat(parent, path)
	d.odd = d.odd || len(path) > 1 || e.Value().Kind == unstable.InlineTable
	if e.Value().Kind != unstable.InlineTable {
		s.value = newValue(e.Value(), offset)
		t.settings = append(t.settings, s)
		return
	}
	s.inline = true
	for it := e.Value().Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			d.flatten(t, s.path, it.Node(), s)
		}
	}
}

// key returns the parts of an expression's key and the offsets of its first and behind its last byte.
func key(e *unstable.Node) (path []string, start, end int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if path == nil {
			start = int(n.Raw.Offset)
		}
		path = append(path, string(n.Data))
		end = int(n.Raw.Offset + n.Raw.Length)
	}
	return path, start, end
}

// newValue copies a value out of the parser, which reuses its nodes. Where the parser keeps no place of its
// own, the value stands where its key does.
func newValue(n *unstable.Node, offset int) value {
	if n.Raw.Length > 0 {
		offset = int(n.Raw.Offset)
	}
	v := value{kind: n.Kind, text: string(n.Data), offset: offset}
	if n.Kind == unstable.Array {
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				v.members = append(v.members, newValue(it.Node(), offset))
			}
		}
	}
	return v
}

// errorAt says what is wrong at an offset of the text.
func (d *document) errorAt(offset int, err error) error {
	return fmt.Errorf("%s:%d: %w", d.name, 1+strings.Count(string(d.text[:offset]), "\n"), err)
}

// string returns the value of a setting that must be a string.
func (d *document) string(s setting) (string, error) {
	if s.value.kind != unstable.String {
		return "", d.errorAt(s.value.offset, fmt.Errorf("%s must be a string in quotes", s.path[len(s.path)-1]))
	}
	return s.value.text, nil
}

// The keys that the file may hold, for messages.
const (
	topKeys     = "[[gateway]], [names], ssh-config and putty"
	gatewayKeys = "suffix, address, pins, identity, via and [gateway.names]"
)

// config interprets the document.
func (d *document) config() (*Config, error) {
	c := Default()
	var current *gatewayTable
	var gateways []*gatewayTable
	for i := range d.tables {
		t := &d.tables[i]
		at := t.start
		switch path := strings.Join(t.path, "."); {
		case path == "":
		case path == "gateway" && t.array:
			current = &gatewayTable{offset: at, Gateway: Gateway{Suffix: DefaultSuffix, Names: map[Name]Target{}}}
			gateways = append(gateways, current)
		case path == "gateway":
			return nil, d.errorAt(at, errors.New("write [[gateway]], in double brackets: there may be several"))
		case path == "names" && !t.array, path == "gateway.names" && !t.array && current != nil:
		case path == "names" || path == "gateway.names":
			return nil, d.errorAt(at, fmt.Errorf("write [%s], in single brackets, and [gateway.names] below its [[gateway]]", path))
		default:
			return nil, d.errorAt(at, fmt.Errorf("unknown table [%s]; allowed are %s", path, topKeys))
		}
		for _, s := range t.settings {
			if err := d.apply(c, current, s); err != nil {
				return nil, err
			}
		}
	}
	seen := map[string]bool{}
	for _, g := range gateways {
		if seen[g.Suffix] {
			return nil, d.errorAt(g.offset, fmt.Errorf("two gateways have the suffix %q", g.Suffix))
		}
		seen[g.Suffix] = true
		if err := c.add(g); err != nil {
			return nil, d.errorAt(g.offset, err)
		}
	}
	return c, nil
}

// gatewayTable is a [[gateway]] while its settings are being read.
type gatewayTable struct {
	Gateway
	offset     int
	hasAddress bool
}

// apply interprets one setting. Names above any [gateway.names] are the built-in suffix's.
func (d *document) apply(c *Config, g *gatewayTable, s setting) error {
	last := s.path[len(s.path)-1]
	wrap := func(err error) error {
		if err != nil {
			return d.errorAt(s.value.offset, err)
		}
		return nil
	}
	if s.path[0] == "gateway" && g == nil {
		return d.errorAt(s.start, errors.New("write each gateway as a table of its own, below a line [[gateway]]"))
	}
	switch {
	case len(s.path) == 1 && last == "ssh-config":
		v, err := d.string(s)
		if err == nil && !filepath.IsAbs(v) {
			err = wrap(fmt.Errorf("ssh-config must be an absolute path, not %q", v))
		}
		c.SSHConfig = v
		return err
	case len(s.path) == 1 && last == "putty":
		v, err := d.string(s)
		if err == nil {
			c.PuTTY, err = ParsePuTTY(v)
			err = wrap(err)
		}
		return err
	case len(s.path) == 2 && s.path[0] == "names":
		return d.entry(c.Gateways[0].Names, s)
	case len(s.path) == 3 && s.path[0] == "gateway" && s.path[1] == "names":
		return d.entry(g.Names, s)
	case len(s.path) == 2 && s.path[0] == "gateway":
		if last == "pins" {
			if s.value.kind != unstable.Array || len(s.value.members) == 0 {
				return wrap(errors.New(`pins must be a list of fingerprints: ["SHA256:..."]`))
			}
			for _, m := range s.value.members {
				if m.kind != unstable.String {
					return d.errorAt(m.offset, errors.New(`pins must be a list of strings: ["SHA256:..."]`))
				}
				p, err := ParsePin(m.text)
				if err != nil {
					return d.errorAt(m.offset, err)
				}
				g.Pins = append(g.Pins, p)
			}
			return nil
		}
		if !slices.Contains([]string{"suffix", "address", "identity", "via"}, last) {
			return d.errorAt(s.start, fmt.Errorf("unknown key %q in [[gateway]]; allowed are %s", last, gatewayKeys))
		}
		v, err := d.string(s)
		if err != nil {
			return err
		}
		switch last {
		case "suffix":
			g.Suffix, err = v, CheckSuffix(v)
		case "address":
			g.hasAddress = true
			g.Address, err = ParseAddress(v)
		case "identity":
			g.Identity, err = v, checkIdentity(v)
		case "via":
			g.Via, err = ParseVia(v)
		}
		return wrap(err)
	}
	return d.errorAt(s.start, fmt.Errorf("unknown key %q; allowed are %s", strings.Join(s.path, "."), topKeys))
}

// entry reads one line of a table of names.
func (d *document) entry(names map[Name]Target, s setting) error {
	name, err := ParseName(s.path[len(s.path)-1])
	if err != nil {
		return d.errorAt(s.start, err)
	}
	text, err := d.string(s)
	if err != nil {
		return err
	}
	target, err := ParseTarget(text)
	if err != nil {
		return d.errorAt(s.value.offset, err)
	}
	names[name] = target
	return nil
}

// add takes a gateway into the configuration: a table with the built-in suffix amends that gateway, others
// come behind it.
func (c *Config) add(g *gatewayTable) error {
	if !g.hasAddress {
		g.Address = builtin().Address
	}
	if g.Pins == nil {
		if !g.Address.IsClever() {
			return fmt.Errorf("the gateway at %s needs pins: the built-in ones are those of %s", g.Address, defaultHost)
		}
		g.Pins = builtin().Pins
	}
	if g.Suffix == DefaultSuffix {
		if len(g.Names) > 0 {
			return fmt.Errorf("the names of the suffix %q stand in [names], not in [gateway.names]", g.Suffix)
		}
		g.Names = c.Gateways[0].Names
		c.Gateways[0] = &g.Gateway
		return nil
	}
	for _, other := range c.Gateways {
		if strings.HasSuffix(g.Suffix, "."+other.Suffix) || strings.HasSuffix(other.Suffix, "."+g.Suffix) {
			return fmt.Errorf("the suffixes %q and %q overlap: neither may end in the other", g.Suffix, other.Suffix)
		}
	}
	c.Gateways = append(c.Gateways, &g.Gateway)
	return nil
}

// checkIdentity accepts a path that ssh_config can hold as it is: absolute, or below "~/".
func checkIdentity(path string) error {
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") {
		return fmt.Errorf("identity must be an absolute path or begin with ~/, not %q", path)
	}
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }
	if strings.ContainsFunc(filepath.ToSlash(path), odd) || strings.Contains(path, "${") {
		return fmt.Errorf("identity %q has characters that ssh_config cannot hold: rename the file", path)
	}
	return nil
}
