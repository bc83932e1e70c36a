package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Marker is the first line of a clever-ssh.toml that setup created. A file without it was written by hand, and
// `remove --all` keeps it.
const Marker = "# Written by clever-ssh setup. Edit as you like, then run it again; `clever-ssh remove --all` deletes this file."

// Edit is a change to clever-ssh.toml. Zero fields change nothing.
type Edit struct {
	SSHConfig string // absolute path
	PuTTY     PuTTY
	Account   UseAccount

	Suffix   string // of the gateway that the fields below belong to; empty means DefaultSuffix
	Address  Address
	Pins     []Pin
	Identity string
	Via      Via
	Names    map[Name]Target
	Replace  bool // whether names may be taken from other targets
	Remove   []Name
	Drop     bool // remove the gateway itself, with all of its names
}

// NamesTakenError says that names already point to targets other than the new ones.
type NamesTakenError []NameTaken

// NameTaken is one name, the target that it points to, and the new target that it did not get.
type NameTaken struct {
	Name     Name
	Old, New Target
}

func (e NamesTakenError) Error() string {
	var lines []string
	for _, t := range e {
		lines = append(lines, fmt.Sprintf("the name %q already points to %s and was not changed to %s", t.Name, t.Old, t.New))
	}
	return strings.Join(lines, "\n")
}

// PinsMissingError says that a gateway was given an address but no pins of its own.
type PinsMissingError struct{ Address Address }

func (e *PinsMissingError) Error() string {
	return fmt.Sprintf("the gateway at %s needs pins", e.Address)
}

// ErrBuiltIn says that a gateway cannot be removed.
var ErrBuiltIn = fmt.Errorf("the gateway %s is built in and cannot be removed", DefaultSuffix)

// Apply carries out an edit on the text of a clever-ssh.toml. It returns the new text and the configuration in it.
// The rest of the text, with its comments and spacing, stays as it is; an edit that changes nothing returns the same
// text. Apply fails if the result would not be valid, or if a setting is written in a way (a dotted key, an inline
// table) that cannot be edited without rewriting it. The name is the file's, for messages.
func Apply(name string, text []byte, e Edit) ([]byte, *Config, error) {
	before, err := Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	if e.Suffix == "" {
		e.Suffix = DefaultSuffix
	}
	old, err := e.gateway(before)
	if err != nil {
		return nil, nil, err
	}
	if taken := e.taken(old); taken != nil {
		return nil, nil, taken
	}
	w := editor{name: name, text: text}
	e.setTop(&w, before)
	e.setGateway(&w, old)
	e.setNames(&w, old)
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

// gateway returns the gateway that the edit is about, or an empty one if it is new. The error says why the edit
// cannot be made.
func (e *Edit) gateway(before *Config) (*Gateway, error) {
	if err := CheckSuffix(e.Suffix); err != nil {
		return nil, err
	}
	if e.Identity != "" {
		if err := checkIdentity(e.Identity); err != nil {
			return nil, err
		}
	}
	old := before.Gateway(e.Suffix)
	if old == nil {
		// A mistyped suffix would otherwise become another gateway.
		if e.Address == (Address{}) {
			return nil, fmt.Errorf("no gateway has the suffix %q; a new one needs an address", e.Suffix)
		}
		old = &Gateway{}
	}
	pins := slices.Concat(old.Pins, e.Pins)
	if e.Address != (Address{}) && !e.Address.IsClever() && (len(pins) == 0 || slices.Equal(pins, builtin().Pins)) {
		return nil, &PinsMissingError{e.Address}
	}
	if e.Drop && e.Suffix == DefaultSuffix {
		return nil, ErrBuiltIn
	}
	return old, nil
}

// taken returns the names that stand for other targets and may not be taken from them, or nil.
func (e *Edit) taken(old *Gateway) error {
	var taken NamesTakenError
	for _, n := range slices.Sorted(maps.Keys(e.Names)) {
		if t := old.Names[n]; t != "" && t != e.Names[n] && !e.Replace {
			taken = append(taken, NameTaken{Name: n, Old: t, New: e.Names[n]})
		}
	}
	if taken == nil {
		return nil
	}
	return taken
}

// setTop sets what does not belong to a gateway.
func (e *Edit) setTop(w *editor, before *Config) {
	if e.SSHConfig != "" && e.SSHConfig != before.SSHConfig {
		w.set(place{}, "ssh-config", tomlString(e.SSHConfig))
	}
	if e.PuTTY != "" && e.PuTTY != before.PuTTY {
		w.set(place{}, "putty", tomlString(string(e.PuTTY)))
	}
	if e.Account != "" && e.Account != before.Account {
		w.set(place{}, "account", fmt.Sprint(e.Account == AccountYes))
	}
}

// setGateway sets the gateway's own settings.
func (e *Edit) setGateway(w *editor, old *Gateway) {
	table := place{gateway: e.Suffix}
	if e.Address != (Address{}) && old.Address != e.Address {
		w.set(table, "address", tomlString(e.Address.String()))
	}
	if e.Pins != nil && !slices.Equal(old.Pins, e.Pins) {
		var list []string
		for _, p := range e.Pins {
			list = append(list, tomlString(p.String()))
		}
		w.set(table, "pins", "["+strings.Join(list, ", ")+"]")
	}
	if e.Identity != "" && old.Identity != e.Identity {
		w.set(table, "identity", tomlString(e.Identity))
	}
	if u := e.Via.URL(); u != nil && (old.Via.URL() == nil || old.Via.URL().String() != u.String()) {
		w.set(table, "via", tomlString(u.String()))
	}
}

// setNames changes, adds and removes names of the gateway.
func (e *Edit) setNames(w *editor, old *Gateway) {
	table := place{gateway: e.Suffix, names: true}
	var fresh []string
	for _, n := range slices.Sorted(maps.Keys(e.Names)) {
		target := tomlString(string(e.Names[n]))
		switch old.Names[n] {
		case "":
			fresh = append(fresh, pair(string(n), target))
		case e.Names[n]:
		default:
			w.set(table, string(n), target)
		}
	}
	if fresh != nil {
		w.add(table, fresh)
	}
	for _, n := range e.Remove {
		w.remove(table, string(n))
	}
}
