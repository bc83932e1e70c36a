package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"clever-ssh/internal/pattern"
)

// place is a table of the file: the nameless one at the top, a gateway's, or a table of names.
type place struct {
	gateway string // suffix; empty for the nameless table
	names   bool
}

// path returns the table's header as the file spells it. The names of the built-in suffix have a table of their own,
// so that a file that says nothing about gateways needs no [[gateway]].
func (p place) path() []string {
	switch {
	case p.gateway == "":
		return nil
	case !p.names:
		return []string{"gateway"}
	case p.gateway == DefaultSuffix:
		return []string{"names"}
	}
	return []string{"gateway", "names"}
}

// header returns the line that begins the table. A gateway's header includes its suffix: without it the table would
// be the built-in gateway's.
func (p place) header() string {
	if p.names {
		return "[" + strings.Join(p.path(), ".") + "]\n"
	}
	return "[[gateway]]\nsuffix = " + tomlString(p.gateway) + "\n"
}

// editor carries out changes one after another, each on a fresh scan of the text. It stops at the first error.
type editor struct {
	name string
	text []byte
	err  error
}

// find returns the table at a place and the setting of a key in it, or nil for whatever is not there.
func (w *editor) find(p place, key string) (*table, *setting) {
	d, err := scan(w.name, w.text)
	if err != nil {
		w.err = err
		return nil, nil
	}
	path := p.path()
	want := slices.Concat(path, []string{key})
	var found *table
	in := "" // the suffix of the gateway whose tables these are
	for i := range d.tables {
		t := &d.tables[i]
		if t.array {
			in = t.suffix()
		}
		if path != nil && path[0] == "gateway" && in != p.gateway {
			continue
		}
		for _, s := range t.settings {
			if slices.Equal(s.path, want) {
				if len(s.path) != len(t.path)+1 || s.inline {
					w.err = d.errorAt(s.start, fmt.Errorf("%s is written in a form that clever-ssh does not edit: change it by hand", strings.Join(s.path, ".")))
				}
				return t, &s
			}
		}
		if found == nil && slices.Equal(t.path, path) {
			found = t
		}
	}
	return found, nil
}

// drop removes the tables of a gateway, from the last to the first.
func (w *editor) drop(suffix string) {
	for w.err == nil {
		d, err := scan(w.name, w.text)
		if err != nil {
			w.err = err
			return
		}
		var last *table
		in := ""
		for i := range d.tables {
			t := &d.tables[i]
			if t.array {
				in = t.suffix()
			}
			if in == suffix && t.path[0] == "gateway" {
				last = t
			}
		}
		if last == nil {
			return
		}
		w.cut(last)
	}
}

// cut removes a table and the comments next to it. A comment next to the following table belongs to that table, and
// the comment at the beginning of the text is about the whole file.
func (w *editor) cut(t *table) {
	isComment := func(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) }
	start := w.lineStart(t.start)
	for start > w.leadingComments() && isComment(w.text[w.lineStart(start-1):start]) {
		start = w.lineStart(start - 1)
	}
	end := w.lineEnd(t.end)
	after := end
	for after < len(w.text) && isComment(w.text[after:w.lineEnd(after)]) {
		after = w.lineEnd(after)
	}
	if len(bytes.TrimSpace(w.text[after:w.lineEnd(after)])) == 0 {
		end = after
	}
	// One of the empty lines around it goes, too: the one that add put before it.
	if above := w.lineStart(max(0, start-1)); start > 0 && len(bytes.TrimSpace(w.text[above:start])) == 0 {
		start = above
	} else if below := w.lineEnd(end); start == 0 && len(bytes.TrimSpace(w.text[end:below])) == 0 {
		end = below
	}
	w.text = slices.Concat(w.text[:start], w.text[end:])
}

// suffix returns the suffix that a [[gateway]] sets.
func (t *table) suffix() string {
	for _, s := range t.settings {
		if slices.Equal(s.path, []string{"gateway", "suffix"}) {
			return s.value.text
		}
	}
	return DefaultSuffix
}

// set sets a key to a value, which must be valid TOML.
func (w *editor) set(p place, key, value string) {
	switch _, s := w.find(p, key); {
	case w.err != nil:
	case s != nil:
		w.text = slices.Concat(w.text[:s.start], []byte(pair(key, value)), w.text[s.end:])
	default:
		w.add(p, []string{pair(key, value)})
	}
}

// add adds settings with new keys after the last setting of their table. A new table with a gateway's names goes
// after its gateway, any other new table at the end.
func (w *editor) add(p place, settings []string) {
	t, _ := w.find(p, "")
	lines := strings.Join(settings, "\n")
	switch {
	case w.err != nil:
	case t != nil && t.end == 0:
		w.insert(w.leadingComments(), lines)
	case t != nil:
		w.insert(w.lineEnd(t.end), lines)
	default:
		at := len(w.text)
		if p.names && p.gateway != DefaultSuffix {
			above, _ := w.find(place{gateway: p.gateway}, "suffix")
			if above == nil {
				w.err = cmp.Or(w.err, fmt.Errorf("%s has no gateway with the suffix %q", w.name, p.gateway))
				return
			}
			at = w.lineEnd(above.end)
		}
		lines = p.header() + lines
		if at > 0 {
			lines = "\n" + lines
		}
		w.insert(at, lines)
	}
}

// remove removes a key and its whole line. If the key is not there, nothing changes.
func (w *editor) remove(p place, key string) {
	if _, s := w.find(p, key); s != nil && w.err == nil {
		w.text = slices.Concat(w.text[:w.lineStart(s.start)], w.text[w.lineEnd(s.end):])
	}
}

// insert puts lines at an offset that begins a line, or at the end of a text that may lack its last line feed. They
// get the same line ends as the text's first line.
func (w *editor) insert(at int, lines string) {
	lines += "\n"
	if at > 0 && w.text[at-1] != '\n' {
		lines = "\n" + lines
	}
	if first, _, ok := bytes.Cut(w.text, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		lines = strings.ReplaceAll(lines, "\n", "\r\n")
	}
	w.text = slices.Concat(w.text[:at], []byte(lines), w.text[at:])
}

// lineStart returns the offset where the line around the given offset begins.
func (w *editor) lineStart(offset int) int { return bytes.LastIndexByte(w.text[:offset], '\n') + 1 }

// lineEnd returns the offset after the line around the given offset.
func (w *editor) lineEnd(offset int) int {
	if i := bytes.IndexByte(w.text[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(w.text)
}

// leadingComments returns the offset after the comment lines at the beginning of the text.
func (w *editor) leadingComments() int {
	at := 0
	for at < len(w.text) && w.text[at] == '#' {
		at = w.lineEnd(at)
	}
	return at
}

// pair returns the line for a key and its value, which must be valid TOML.
func pair(key, value string) string { return tomlKey(key) + " = " + value }

var bareKey = pattern.New(`\A[A-Za-z0-9_-]+\z`)

func tomlKey(s string) string {
	if bareKey().MatchString(s) {
		return s
	}
	return tomlString(s)
}

// tomlString writes a validated value as a TOML string. The value holds neither control characters nor double quotes.
func tomlString(s string) string { return `"` + strings.ReplaceAll(s, `\`, `\\`) + `"` }
