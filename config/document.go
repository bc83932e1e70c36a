package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is the text of clever-ssh.toml with the position of everything in it. A decoder that fills structs would
// lose these positions. Errors need them to name a line, and edits need them to leave the rest of the text alone.
type document struct {
	name   string // for messages
	text   []byte
	tables []table // the first is the nameless one above all headers
	odd    bool    // it has dotted keys or inline tables, which define tables implicitly
}

// table is one [header] or [[header]] with the settings below it.
type table struct {
	path     []string
	array    bool
	start    int // offset of the header's key
	end      int // offset after the last byte of the table's last expression, or of its header
	settings []setting
}

// setting is one key and its value. Dotted keys and inline tables become one setting per value.
type setting struct {
	path       []string // from the root of the document
	start, end int      // offsets of the whole expression, key and value, as written
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
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return nil, fmt.Errorf("%s:1: it begins with a byte order mark: save the file without one", name)
	}
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
	// The decoder names lines, and knows what may appear twice. Its time grows with the square of the number of
	// names, so only a text that is probably wrong gets here.
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

// repeats reports whether the document may set a key twice or define a table twice. Only the whole document shows
// that. When in doubt it says yes, and the decoder decides.
func (d *document) repeats() bool {
	seen := map[string]bool{}
	gateways := 0
	// in turns a path into a key of the map. Each [[gateway]] begins its tables again.
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

// flatten adds the settings of one key-value expression to the table; s holds the position of the expression.
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

// key returns the parts of an expression's key and the offsets of its first byte and after its last.
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

// newValue copies a value out of the parser, which reuses its nodes. Where the parser keeps no position for a value,
// it gets its key's.
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

// errorAt adds the file and the line of an offset to an error.
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
