package config

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"clever-ssh/internal/pattern"
)

// Marker is the first line of a clever-ssh.toml that setup created. A file without it was written by hand, and
// `remove --all` leaves it.
const Marker = "# Written by clever-ssh setup. Edit as you like, then run it again; `clever-ssh remove --all` deletes this file."

// Edit is a change of clever-ssh.toml. Zero fields change nothing.
type Edit struct {
	SSHConfig string // absolute path
	PuTTY     PuTTY

	Suffix   string // of the gateway that all the following belong to; DefaultSuffix if empty
	Address  Address
	Pins     []Pin
	Identity string
	Via      Via
	Names    map[Name]Target
	Replace  bool // whether names may be taken from other targets
	Remove   []Name
	Drop     bool // take the gateway itself out, with all of its names
}

// NamesTakenError says that names stand for other targets than those that they were to be given.
type NamesTakenError []NameTaken

// NameTaken is one name, the target that it stands for and the one that it was to have.
type NameTaken struct {
	Name     Name
	Old, New Target
}

func (e NamesTakenError) Error() string {
	var lines []string
	for _, t := range e {
		lines = append(lines, fmt.Sprintf("the name %q already stands for %s; it was not changed to %s", t.Name, t.Old, t.New))
	}
	return strings.Join(lines, "\n")
}

// PinsMissingError says that a gateway was given an address but no pins of its own.
type PinsMissingError struct{ Address Address }

func (e *PinsMissingError) Error() string {
	return fmt.Sprintf("the gateway at %s needs pins", e.Address)
}

// ErrBuiltIn says that a gateway cannot be taken out.
var ErrBuiltIn = fmt.Errorf("the gateway %s is built in: there is always one", DefaultSuffix)

// Apply returns the text of a clever-ssh.toml with the edit carried out, and what it then says. The rest of the text, with
// its comments and spacing, stays as it is; an edit that changes nothing returns the very text. It is an error where the result
// would not be valid, or where a setting is spelled in a way (a dotted key, an inline table) that cannot be
// edited without rewriting it. The file's name is for messages.
func Apply(name string, text []byte, e Edit) ([]byte, *Config, error) {
	before, err := Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	if e.Suffix == "" {
		e.Suffix = DefaultSuffix
	}
	if err := CheckSuffix(e.Suffix); err != nil {
		return nil, nil, err
	}
	if e.Identity != "" {
		if err := checkIdentity(e.Identity); err != nil {
			return nil, nil, err
		}
	}
	w := editor{name: name, text: text}
	old := before.Gateway(e.Suffix)
	if old == nil {
		// A suffix with a typing error would otherwise become another gateway.
		if e.Address == (Address{}) {
			return nil, nil, fmt.Errorf("no gateway has the suffix %q; a new one needs an address", e.Suffix)
		}
		old = &Gateway{}
	}
	if pins := append(old.Pins, e.Pins...); e.Address != (Address{}) && !e.Address.IsClever() && (len(pins) == 0 || slices.Equal(pins, builtin().Pins)) {
		return nil, nil, &PinsMissingError{e.Address}
	}
	if e.SSHConfig != "" && e.SSHConfig != before.SSHConfig {
		w.set(place{}, "ssh-config", tomlString(e.SSHConfig))
	}
	if e.PuTTY != "" && e.PuTTY != before.PuTTY {
		w.set(place{}, "putty", tomlString(string(e.PuTTY)))
	}
	if e.Address != (Address{}) && old.Address != e.Address {
		w.set(place{gateway: e.Suffix}, "address", tomlString(e.Address.String()))
	}
	if e.Pins != nil && !slices.Equal(old.Pins, e.Pins) {
		var list []string
		for _, p := range e.Pins {
			list = append(list, tomlString(p.String()))
		}
		w.set(place{gateway: e.Suffix}, "pins", "["+strings.Join(list, ", ")+"]")
	}
	if e.Identity != "" && old.Identity != e.Identity {
		w.set(place{gateway: e.Suffix}, "identity", tomlString(e.Identity))
	}
	if u := e.Via.URL(); u != nil && (old.Via.URL() == nil || old.Via.URL().String() != u.String()) {
		w.set(place{gateway: e.Suffix}, "via", tomlString(u.String()))
	}
	names := place{gateway: e.Suffix, names: true}
	var fresh []string
	var taken NamesTakenError
	for _, n := range slices.Sorted(maps.Keys(e.Names)) {
		switch t := old.Names[n]; {
		case t == "":
			fresh = append(fresh, pair(string(n), tomlString(string(e.Names[n]))))
		case t == e.Names[n]:
		case e.Replace:
			w.set(names, string(n), tomlString(string(e.Names[n])))
		default:
			taken = append(taken, NameTaken{Name: n, Old: t, New: e.Names[n]})
		}
	}
	if taken != nil {
		return nil, nil, taken
	}
	if fresh != nil {
		w.add(names, fresh)
	}
	for _, n := range e.Remove {
		w.remove(names, string(n))
	}
	if e.Drop && e.Suffix == DefaultSuffix {
		return nil, nil, ErrBuiltIn
	}
	if e.Drop {
		w.drop(e.Suffix)
	}
	if w.err != nil {
		return nil, nil, w.err
	}
	after, err := Parse(name, w.text)
	if err != nil {
		return nil, nil, fmt.Errorf("that would not be a valid configuration: %w", err)
	}
	return w.text, after, nil
}

// place is a table of the file: the nameless one on top, a gateway's, or a table of names.
type place struct {
	gateway string // suffix; empty for the nameless table
	names   bool
}

// path is the table's header as the file spells it. The names of the built-in suffix have a table of their own,
// so that a file which says nothing of gateways needs no [[gateway]].
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

// header is the line that begins the table. A gateway's holds its suffix too: without it the table would be
// the built-in gateway's.
func (p place) header() string {
	if p.names {
		return "[" + strings.Join(p.path(), ".") + "]\n"
	}
	return "[[gateway]]\nsuffix = " + tomlString(p.gateway) + "\n"
}

// editor carries out changes one after the other, each on a fresh scan of the text. It stops at the first error.
type editor struct {
	name string
	text []byte
	err  error
}

// find returns the table at a place, and the setting of a key in it; nil for what is not there.
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
					w.err = d.errorAt(s.start, fmt.Errorf("%s is written in a way that is left to you to edit", strings.Join(s.path, ".")))
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

// drop takes the tables of a gateway out, from the last to the first.
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

// cut takes a table out, with the comments that touch it. A comment that touches the next table is that one's, and the
// comment that the text begins with is about all of it.
func (w *editor) cut(t *table) {
	isComment := func(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) }
	start := w.lineStart(t.start)
	for start > w.leadingComments() && isComment(w.text[w.lineStart(start-1):start]) {
		start = w.lineStart(start - 1)
	}
	end := w.lineEnd(t.end)
	behind := end
	for behind < len(w.text) && isComment(w.text[behind:w.lineEnd(behind)]) {
		behind = w.lineEnd(behind)
	}
	if len(bytes.TrimSpace(w.text[behind:w.lineEnd(behind)])) == 0 {
		end = behind
	}
	// One of the empty lines around it goes, too: the one that add has put before it.
	if above := w.lineStart(max(0, start-1)); start > 0 && len(bytes.TrimSpace(w.text[above:start])) == 0 {
		start = above
	} else if below := w.lineEnd(end); start == 0 && len(bytes.TrimSpace(w.text[end:below])) == 0 {
		end = below
	}
	w.text = slices.Concat(w.text[:start], w.text[end:])
}

// suffix is the suffix that a [[gateway]] gives itself.
func (t *table) suffix() string {
	for _, s := range t.settings {
		if slices.Equal(s.path, []string{"gateway", "suffix"}) {
			return s.value.text
		}
	}
	return DefaultSuffix
}

// set gives a key its value, which must be valid TOML.
func (w *editor) set(p place, key, value string) {
	switch _, s := w.find(p, key); {
	case w.err != nil:
	case s != nil:
		w.text = slices.Concat(w.text[:s.start], []byte(pair(key, value)), w.text[s.end:])
	default:
		w.add(p, []string{pair(key, value)})
	}
}

// add puts settings of new keys behind the last one of their table, a new table of a gateway's names behind its gateway, any
// other new table to the end.
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

// remove takes a key out, with its whole line. A key that is not there is left alone.
func (w *editor) remove(p place, key string) {
	if _, s := w.find(p, key); s != nil && w.err == nil {
		w.text = slices.Concat(w.text[:w.lineStart(s.start)], w.text[w.lineEnd(s.end):])
	}
}

// insert puts lines at an offset that begins a line, or at the end of a text that may lack its last line feed.
// They end as the text's first line does.
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

// lineStart is the offset of the line that holds the given one.
func (w *editor) lineStart(offset int) int { return bytes.LastIndexByte(w.text[:offset], '\n') + 1 }

// lineEnd is the offset behind the line that holds the given one.
func (w *editor) lineEnd(offset int) int {
	if i := bytes.IndexByte(w.text[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(w.text)
}

// leadingComments is the offset behind the comment lines that the text begins with.
func (w *editor) leadingComments() int {
	at := 0
	for at < len(w.text) && w.text[at] == '#' {
		at = w.lineEnd(at)
	}
	return at
}

// pair is the line of a key and its value, which must be valid TOML.
func pair(key, value string) string { return tomlKey(key) + " = " + value }

var bareKey = pattern.New(`\A[A-Za-z0-9_-]+\z`)

func tomlKey(s string) string {
	if bareKey().MatchString(s) {
		return s
	}
	return tomlString(s)
}

// tomlString writes a validated value, which holds neither control characters nor double quotes, as a TOML string.
func tomlString(s string) string { return `"` + strings.ReplaceAll(s, `\`, `\\`) + `"` }
