package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// The keys that the file may hold, for messages.
const (
	topKeys     = "[[gateway]], [names], account, ssh-config and putty"
	gatewayKeys = "suffix, address, pins, identity, via, instances, outpost, keep and [gateway.names]"
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
			current = &gatewayTable{offset: at, Gateway: Gateway{Suffix: DefaultSuffix, Names: map[Name]Target{}, Keep: DefaultKeep}}
			gateways = append(gateways, current)
		case path == "gateway":
			return nil, d.errorAt(at, errors.New("write [[gateway]], in double brackets: there can be several"))
		case path == "names" && !t.array, path == "gateway.names" && !t.array && current != nil:
		case path == "names" || path == "gateway.names":
			return nil, d.errorAt(at, fmt.Errorf("write [%s], in single brackets, with [gateway.names] below its [[gateway]]", path))
		default:
			return nil, d.errorAt(at, fmt.Errorf("unknown table [%s]; the file can contain %s", path, topKeys))
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

// The values of instances: with auto, the bridge takes the instance that is UP; with ask, it lists the ones that
// there are.
const (
	autoInstances = "auto"
	askInstances  = "ask"
)

// gatewayTable is a [[gateway]] while its settings are being read.
type gatewayTable struct {
	Gateway
	offset     int
	hasAddress bool
}

// apply interprets one setting. Names above any [gateway.names] belong to the built-in suffix.
func (d *document) apply(c *Config, g *gatewayTable, s setting) error {
	last := s.path[len(s.path)-1]
	if s.path[0] == "gateway" && g == nil {
		return d.errorAt(s.start, errors.New("write each gateway as its own table, under a [[gateway]] line"))
	}
	switch {
	case len(s.path) == 1 && last == "ssh-config":
		v, err := d.string(s)
		if err == nil && !filepath.IsAbs(v) {
			err = d.errorAt(s.value.offset, fmt.Errorf("ssh-config must be an absolute path, not %q", v))
		}
		c.SSHConfig = v
		return err
	case len(s.path) == 1 && last == "putty":
		v, err := d.string(s)
		if err != nil {
			return err
		}
		if c.PuTTY, err = ParsePuTTY(v); err != nil {
			return d.errorAt(s.value.offset, err)
		}
		return nil
	case len(s.path) == 1 && last == "account":
		if s.value.kind != unstable.Bool {
			return d.errorAt(s.value.offset, errors.New("account must be true or false, without quotes"))
		}
		c.Account = AccountNo
		if s.value.text == "true" {
			c.Account = AccountYes
		}
		return nil
	case len(s.path) == 2 && s.path[0] == "names":
		return d.entry(c.Gateways[0].Names, s)
	case len(s.path) == 3 && s.path[0] == "gateway" && s.path[1] == "names":
		return d.entry(g.Names, s)
	case len(s.path) == 2 && s.path[0] == "gateway":
		return d.applyToGateway(g, s)
	}
	return d.errorAt(s.start, fmt.Errorf("unknown key %q; the file can contain %s", strings.Join(s.path, "."), topKeys))
}

// applyToGateway interprets one setting of a [[gateway]].
func (d *document) applyToGateway(g *gatewayTable, s setting) (err error) {
	key := s.path[len(s.path)-1]
	if key == "pins" {
		g.Pins, err = d.pins(s)
		return err
	}
	if key == "keep" {
		g.Keep, err = d.duration(s)
		return err
	}
	if !slices.Contains([]string{"suffix", "address", "identity", "via", "instances", "outpost"}, key) {
		return d.errorAt(s.start, fmt.Errorf("unknown key %q in [[gateway]]; it can contain %s", key, gatewayKeys))
	}
	v, err := d.string(s)
	if err != nil {
		return err
	}
	switch key {
	case "suffix":
		g.Suffix, err = v, CheckSuffix(v)
	case "address":
		g.hasAddress = true
		g.Address, err = ParseAddress(v)
	case "identity":
		g.Identity, err = v, checkIdentity(v)
	case "via":
		g.Via, err = ParseVia(v)
	case "instances":
		g.Ask = v == askInstances
		if v != askInstances && v != autoInstances {
			err = fmt.Errorf("instances must be %s or %s, not %q", autoInstances, askInstances, v)
		}
	case "outpost":
		g.NoOutpost = v == "no"
		if v != "no" && v != "auto" {
			err = fmt.Errorf("outpost must be auto or no, not %q", v)
		}
	}
	if err != nil {
		return d.errorAt(s.value.offset, err)
	}
	return nil
}

// maxKeep is the longest that an unused line may be kept.
const maxKeep = 24 * time.Hour

// duration reads a duration: a string as time.ParseDuration takes it, or a number of seconds.
func (d *document) duration(s setting) (time.Duration, error) {
	text := s.value.text
	switch s.value.kind {
	case unstable.Integer:
		text += "s"
	case unstable.String:
	default:
		text = ""
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 || v > maxKeep {
		return 0, d.errorAt(s.value.offset, fmt.Errorf(`%s must be a duration such as "10m" (at most "24h"), or 0, not %q`, s.path[len(s.path)-1], s.value.text))
	}
	return v, nil
}

// pins reads a list of fingerprints, which must not be empty.
func (d *document) pins(s setting) ([]Pin, error) {
	if s.value.kind != unstable.Array || len(s.value.members) == 0 {
		return nil, d.errorAt(s.value.offset, errors.New(`pins must be a list of fingerprints: ["SHA256:..."]`))
	}
	var list []Pin
	for _, m := range s.value.members {
		if m.kind != unstable.String {
			return nil, d.errorAt(m.offset, errors.New(`pins must be a list of strings: ["SHA256:..."]`))
		}
		p, err := ParsePin(m.text)
		if err != nil {
			return nil, d.errorAt(m.offset, err)
		}
		list = append(list, p)
	}
	return list, nil
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

// add adds a gateway to the configuration. A table with the built-in suffix amends the built-in gateway; others come
// after it.
func (c *Config) add(g *gatewayTable) error {
	if !g.hasAddress {
		g.Address = builtin().Address
	}
	if g.Pins == nil {
		if !g.Address.IsClever() {
			return fmt.Errorf("the gateway at %s needs pins: the built-in ones are for %s", g.Address, defaultHost)
		}
		g.Pins = builtin().Pins
	}
	if g.Suffix == DefaultSuffix {
		if len(g.Names) > 0 {
			return fmt.Errorf("names for the suffix %q belong in [names], not in [gateway.names]", g.Suffix)
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

// checkIdentity accepts a path that can be written to ssh_config unchanged: absolute, or below "~/".
func checkIdentity(path string) error {
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") {
		return fmt.Errorf("identity must be an absolute path or begin with ~/, not %q", path)
	}
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }
	if strings.ContainsFunc(filepath.ToSlash(path), odd) || strings.Contains(path, "${") {
		return fmt.Errorf("identity %q contains characters that cannot be written to ssh_config: rename the file", path)
	}
	return nil
}
