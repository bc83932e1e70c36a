// Package config holds what the user configured: the gateways, the host keys pinned for each, and the names given to
// targets. Its one source is clever-ssh.toml; without that file the built-in defaults apply. All of it has been
// validated: a value that this package hands out is safe to write into an ssh_config file and to pass as an argument.
package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is the whole configuration. Its gateways are never empty: the built-in one is always there.
type Config struct {
	// SSHConfig is the absolute path of the ssh_config file that includes the entries; empty for
	// ~/.ssh/config.
	SSHConfig string

	// PuTTY says whether PuTTY's saved sessions are written.
	PuTTY PuTTY

	// Account says whether the account's applications are registered, and AccountNames what they are called.
	Account      UseAccount
	AccountNames []AccountName
	fromAccount  map[Name]AccountName // those that nobody chose

	// Gateways holds the gateway with the suffix "clever" first, then the others in file order.
	Gateways []*Gateway
}

// PuTTY says whether PuTTY's saved sessions are written: always, never, or where PuTTY is used.
type PuTTY string

// The values of PuTTY.
const (
	PuTTYAuto PuTTY = "auto"
	PuTTYYes  PuTTY = "yes"
	PuTTYNo   PuTTY = "no"
)

// ParsePuTTY reads "auto", "yes" or "no".
func ParsePuTTY(s string) (PuTTY, error) {
	switch p := PuTTY(s); p {
	case PuTTYAuto, PuTTYYes, PuTTYNo:
		return p, nil
	}
	return "", fmt.Errorf("putty must be auto, yes or no, not %q", s)
}

// Gateway is one SSH gateway and the targets known behind it.
type Gateway struct {
	Suffix   string          // what its aliases end in: "clever" for web.clever
	Address  Address         // where it listens
	Pins     []Pin           // the host keys that it may show, never empty
	Identity string          // path of the key to offer first; empty leaves that to ssh
	Via      Via             // the proxy to dial through; zero means no proxy
	Names    map[Name]Target // the registered names

	// Ask makes a command without a terminal fail where the application has several instances. Otherwise the command
	// goes to the one that is UP.
	Ask bool

	// NoOutpost says that no outpost is put on instances: the shell there does everything that it can.
	NoOutpost bool

	// Keep is how long a line to an instance is kept after its last use. Zero means that there are no lines.
	Keep time.Duration
}

// DefaultKeep is Keep where it is not configured.
const DefaultKeep = time.Minute

// The gateway of Clever Cloud, as its documentation gives it
// (https://www.clever.cloud/developers/doc/cli/applications/deployment-lifecycle/ssh-access/).
const (
	DefaultSuffix = "clever"

	pinED25519 = "SHA256:lys1oC3plDGyAsWD7Yd5fJVKQUV/Pbn/M5KI5GyAj5s"
	pinRSA     = "SHA256:0odQb8NQPKYNCme2Nf3Xrz3Bc9kmrDK6eSJGIzj9aEA"
)

// Default returns the configuration of a user who has not written one.
func Default() *Config {
	return &Config{PuTTY: PuTTYAuto, Gateways: []*Gateway{builtin()}}
}

func builtin() *Gateway {
	return &Gateway{
		Suffix:  DefaultSuffix,
		Address: Address{User: gatewayUser, Host: defaultHost, Port: defaultPort},
		Pins:    []Pin{mustPin(pinED25519), mustPin(pinRSA)},
		Names:   map[Name]Target{},
		Keep:    DefaultKeep,
	}
}

// Gateway returns the gateway with a suffix, or nil.
func (c *Config) Gateway(suffix string) *Gateway {
	for _, g := range c.Gateways {
		if g.Suffix == suffix {
			return g
		}
	}
	return nil
}

// Suffixes lists the configured suffixes, sorted.
func (c *Config) Suffixes() []string {
	var list []string
	for _, g := range c.Gateways {
		list = append(list, g.Suffix)
	}
	slices.Sort(list)
	return list
}

// SortedNames lists the gateway's names in alphabetical order.
func (g *Gateway) SortedNames() []Name {
	list := make([]Name, 0, len(g.Names))
	for n := range g.Names {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// HostKeyAlias is the name under which ssh looks for the gateway's host keys in known_hosts
// (ssh_config(5), HostKeyAlias). Each suffix has its own, so that one gateway's keys never vouch for another's.
func (g *Gateway) HostKeyAlias() string { return "clever-ssh-" + g.Suffix }

// Pinned reports whether p is one of the gateway's pins.
func (g *Gateway) Pinned(p Pin) bool { return slices.Contains(g.Pins, p) }

// PinList writes pins as a person compares them, separated by commas.
func PinList(pins []Pin) string {
	var list []string
	for _, p := range pins {
		list = append(list, p.String())
	}
	return strings.Join(list, ", ")
}
