// Package putty writes PuTTY's saved sessions: two for each registered name, of which the second is its run alias,
// and one for each menu. They are named like the alias, so that `plink web.clever`, `putty -load web.clever` and
// `pscp file web.run.clever:` work. It never touches a session that somebody else wrote or changed.
package putty

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/config"
)

// Session is one saved session.
type Session struct {
	Name     string // the alias
	Settings Settings
}

// Settings are the settings of a saved session: strings, and ints for what PuTTY keeps as a number. A setting that is
// not among them has PuTTY's own default or, on Unix, the user's X resource: a session inherits nothing from the
// user's "Default Settings".
type Settings map[string]any

// seal is a setting that PuTTY does not know and leaves alone: the digest of all the others. It shows that a session
// is ours, and still as we wrote it. When a user changes the session and saves it, PuTTY keeps the seal in the
// registry, but then it no longer fits.
const seal = "CleverSSH"

// made is another: how many of the folders around the sessions had to be made for them. As many are removed with the
// last session.
const made = "CleverSSHMade"

// source is a third: the clever-ssh.toml that the session comes from. Sessions from another one are not ours.
const source = "CleverSSHSettings"

// Sessions builds the sessions of a configuration. The program is how a session calls clever-ssh: quoted for whatever
// runs it (/bin/sh; on Windows CreateProcess), with % doubled, and without a backslash, which PuTTY also takes for an
// escape. Home is the folder that ~ stands for, bridge the fingerprint of the bridge's host key.
//
// The names and values of the settings are those in PuTTY's settings.c, 0.75 to 0.84.
func Sessions(c *config.Config, program, home, bridge string) []Session {
	var list []Session
	for _, g := range c.Gateways {
		key := KeyFile(g, home)
		list = append(list, session(g, g.Suffix, "", program, key))
		for _, n := range g.SortedNames() {
			alias := string(n) + "." + g.Suffix
			list = append(list, session(g, alias, g.Names[n], program, key), runSession(g, string(n)+".run."+g.Suffix, alias, program, bridge))
		}
	}
	return list
}

// Names returns the names of a configuration's sessions.
func Names(c *config.Config) []string {
	var list []string
	for _, g := range c.Gateways {
		list = append(list, g.Suffix)
		for n := range g.Names {
			list = append(list, string(n)+"."+g.Suffix, string(n)+".run."+g.Suffix)
		}
	}
	return list
}

// KeyFile returns the gateway's identity as a path for PuTTY, empty if PuTTY cannot use it. PuTTY can use a private
// key in its own format (.ppk), and a public one (.pub), which selects a key in the agent.
func KeyFile(g *config.Gateway, home string) string {
	if ext := strings.ToLower(filepath.Ext(g.Identity)); ext != ".ppk" && ext != ".pub" {
		return ""
	}
	if rest, ok := strings.CutPrefix(g.Identity, "~/"); ok {
		return filepath.Join(home, rest)
	}
	return g.Identity
}

// session returns the session for an alias, which leads to a target, or to the menu if the target is empty.
func session(g *config.Gateway, alias string, target config.Target, program, key string) Session {
	var pins []string
	for _, p := range g.Pins {
		pins = append(pins, p.String())
	}
	s := Settings{
		"Protocol":      "ssh",
		"HostName":      g.Address.Host,
		"PortNumber":    int(g.Address.Port),
		"UserName":      g.Address.User,
		"RemoteCommand": string(target),
		"NoPTY":         0,
		"SshProt":       3, // version 2 only

		"ProxyMethod":        5, // a local command
		"ProxyTelnetCommand": program + " proxy " + alias,
		"ProxyExcludeList":   "",
		"ProxyLocalhost":     1, // else PuTTY dials a gateway on this machine without the proxy, which checks its key
		"ProxyDNS":           2, // the proxy looks up the name, not PuTTY
		"ProxyLogToTerm":     0, // shows what the proxy says, even after the identification strings; 2 stops there

		// PuTTY compares the host key only with these, and asks nobody (0.75 and later; earlier ones do not know
		// SHA256).
		"SSHManualHostKeys":   strings.Join(pins, ","),
		"HostKey":             "ed25519,rsa,ed448,ecdsa,WARN,dsa", // all of them: PuTTY puts missing ones in front
		"PreferKnownHostKeys": 0,
		// A key exchange with GSSAPI has no host key to compare.
		"AuthGSSAPIKEX": 0,
		"AuthGSSAPI":    0,
		"AuthKI":        0,
		// PuTTY would wait for the gateway's KEXINIT, which the proxy holds back until it has seen PuTTY's.
		"BugFilterKexinit": 1,

		// By default PuTTY on Unix closes the window together with the dialog of a fatal error, and the proxy's words
		// are gone.
		"CloseOnExit": 1, // only when the session ends cleanly

		"AgentFwd":         0,
		"X11Forward":       0,
		"PingInterval":     0,
		"PingIntervalSecs": 30,
	}
	if key != "" {
		s["PublicKeyFile"] = key
	}
	return Session{alias, s}
}

// runSession returns the session for a run alias. All of it, including the host key, is the bridge's, which asks for
// no user key.
func runSession(g *config.Gateway, name, alias, program, bridge string) Session {
	s := session(g, name, "", program, "")
	s.Settings["ProxyTelnetCommand"] = program + " bridge " + alias
	s.Settings["SSHManualHostKeys"] = bridge
	return s
}

// Text returns settings as PuTTY itself writes them into a file on Unix, except that they are sorted.
func (s Settings) Text() string { return s.text(func(string) bool { return true }) }

func (s Settings) text(with func(key string) bool) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if with(key) {
			fmt.Fprintf(&b, "%s=%v\n", key, s[key])
		}
	}
	return b.String()
}

// sealed returns the settings with their seal.
func (s Settings) sealed() Settings {
	s = maps.Clone(s)
	s[seal] = s.digest()
	return s
}

// Ours reports whether clever-ssh wrote these settings and nobody has changed them since.
func (s Settings) Ours() bool { return s[seal] != nil && s[seal] == s.digest() }

// digest returns the SHA256, in hexadecimal, of all settings but the seal.
func (s Settings) digest() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s.text(func(key string) bool { return key != seal }))))
}
