// Package putty writes PuTTY's saved sessions: two for each registered name, the second its run alias, and one for each menu, named
// as the alias, so that `plink web.clever`, `putty -load web.clever` and `pscp file web.run.clever:` work. A session that somebody else wrote, or changed, is never touched.
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

// Settings are the settings of a saved session: strings, and ints for what PuTTY keeps as a number. What is not among them has
// PuTTY's own default, or on Unix the user's X resource: a session inherits nothing from the user's "Default Settings".
type Settings map[string]any

// seal is a setting that PuTTY does not know, and leaves alone. It tells that a session is ours, and still as we wrote it: it is
// the digest of all the others. PuTTY keeps it in the registry when a user changes the session and saves it; then it
// does not fit any more.
const seal = "CleverSSH"

// made is another one: how many of the folders around the sessions had to be made for them. As many leave with the last.
const made = "CleverSSHMade"

// source is a third: the clever-ssh.toml that the session follows from. Another one's sessions are not ours.
const source = "CleverSSHSettings"

// Sessions builds the sessions of a configuration. The program is how a session calls clever-ssh: quoted for what runs it
// (/bin/sh; on Windows CreateProcess), with % doubled, and without a backslash, which PuTTY takes for an escape as well.
// Home is the folder that ~ stands for, bridge the fingerprint of the bridge's host key.
//
// The names and values of the settings are those of PuTTY's settings.c, 0.75 to 0.84.
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

// Names are the names of the sessions of a configuration.
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

// KeyFile is the gateway's identity as a path for PuTTY, empty if PuTTY cannot use it: it can use a private key of its own
// form (.ppk), and a public one (.pub), which chooses among the keys of the agent.
func KeyFile(g *config.Gateway, home string) string {
	if ext := strings.ToLower(filepath.Ext(g.Identity)); ext != ".ppk" && ext != ".pub" {
		return ""
	}
	if rest, ok := strings.CutPrefix(g.Identity, "~/"); ok {
		return filepath.Join(home, rest)
	}
	return g.Identity
}

// session is the session of an alias, which leads to a target or, where that is empty, to the menu.
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
		"ProxyLocalhost":     1, // else a gateway on this machine would be dialled without the proxy, which checks its key
		"ProxyDNS":           2, // the proxy looks the name up, not PuTTY
		"ProxyLogToTerm":     0, // what the proxy says is shown, also after the identification strings, which 2 would mean

		// PuTTY compares the host key with these alone, and asks nobody (0.75 and later; earlier ones know no SHA256).
		"SSHManualHostKeys":   strings.Join(pins, ","),
		"HostKey":             "ed25519,rsa,ed448,ecdsa,WARN,dsa", // all of them: what is missing is put in front
		"PreferKnownHostKeys": 0,
		// A key exchange with GSSAPI has no host key that could be compared.
		"AuthGSSAPIKEX": 0,
		"AuthGSSAPI":    0,
		"AuthKI":        0,
		// PuTTY would wait for the gateway's KEXINIT, and the proxy holds that until it has seen PuTTY's.
		"BugFilterKexinit": 1,

		// On Unix PuTTY by default closes the window together with the dialog of a fatal error, and what the proxy said is gone.
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

// runSession is the session of a run alias: all of it, the host key too, is the bridge's, which asks for no key of the user's.
func runSession(g *config.Gateway, name, alias, program, bridge string) Session {
	s := session(g, name, "", program, "")
	s.Settings["ProxyTelnetCommand"] = program + " bridge " + alias
	s.Settings["SSHManualHostKeys"] = bridge
	return s
}

// Text is how PuTTY itself writes settings into a file on Unix, except that they are sorted.
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

// digest is SHA256, in hexadecimal, of all the settings but the seal.
func (s Settings) digest() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s.text(func(key string) bool { return key != seal }))))
}
