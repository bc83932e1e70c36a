// Package sshconfig writes the ssh_config entries: the files in the derived folder, and the one line in the user's own
// file that includes them. They are written so that OpenSSH 8.0 to 10.5 read them alike.
package sshconfig

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"clever-ssh/config"
)

// Layout says where the entries are and how they call this program.
type Layout struct {
	// UserFile is the absolute path of the user's own ssh_config file. The derived folder is "clever" beside it.
	UserFile string

	// Standard is set where UserFile is ~/.ssh/config, with ~ the account's home: then paths are written relative
	// to that folder, as ssh resolves them.
	Standard bool

	// Added is what setup has added to the user's file, nil if nothing.
	Added *Added

	// Program is how the entries call clever-ssh.
	Program Program

	// RSA is whether ssh knows RSA keys. One that does not refuses its whole configuration when an RSA algorithm is
	// named in it.
	RSA bool
}

// Folder is the derived folder. All files in it are written again by setup and by the connections themselves.
func (l Layout) Folder() string { return filepath.Join(filepath.Dir(l.UserFile), "clever") }

// The paths of the files in the derived folder.
func (l Layout) ConfigFile() string { return filepath.Join(l.Folder(), "config") }
func (l Layout) MatchFile() string  { return filepath.Join(l.Folder(), "match") } // with .conf, other programs would find it by "*/*.conf", and cannot read it
func (l Layout) DirectFile() string { return filepath.Join(l.Folder(), "direct.conf") }
func (l Layout) KnownHosts() string { return filepath.Join(l.Folder(), "known_hosts") }

// OldMatchFile is where earlier versions wrote the match file. It stays in use until the next setup.
func (l Layout) OldMatchFile() string { return filepath.Join(l.Folder(), "match.conf") }

// The host key of the bridge, which setup makes, and what ssh compares it with.
func (l Layout) BridgeKey() string        { return filepath.Join(l.Folder(), "bridge_key") }
func (l Layout) BridgeKnownHosts() string { return filepath.Join(l.Folder(), "bridge_known_hosts") }

// BridgeHostKeyAlias is the name under which ssh looks for the bridge's host key.
const BridgeHostKeyAlias = "clever-ssh-bridge"

// include is a path in the derived folder as an Include line gives it: relative to ~/.ssh, also under -F, or
// absolute (ssh_config(5), Include).
func (l Layout) include(name string) string {
	if l.Standard {
		return "clever/" + name
	}
	return filepath.ToSlash(filepath.Join(l.Folder(), name))
}

// IncludeLine is the line that the user's own file must begin with.
func (l Layout) IncludeLine() string { return "Include " + quote(l.include("config")) }

// knownHosts is the path of a file in the derived folder as UserKnownHostsFile gives it.
func (l Layout) knownHosts(name string) string {
	if l.Standard {
		return "~/.ssh/clever/" + name
	}
	return quote(filepath.ToSlash(filepath.Join(l.Folder(), name)))
}

// quote puts a path into double quotes where one of the versions of ssh would otherwise take it apart.
func quote(path string) string {
	if strings.ContainsAny(path, " \t'=") {
		return `"` + path + `"`
	}
	return path
}

// CheckPath refuses the path of a user's file in whose folder the entries could not be named: ssh expands patterns in
// Include, tokens and variables in UserKnownHostsFile, and knows no escape for a quote.
func CheckPath(path string) error {
	if strings.ContainsFunc(filepath.ToSlash(path), func(r rune) bool {
		return !unicode.IsPrint(r) || strings.ContainsRune(`"'%$*?[]\`, r)
	}) {
		return fmt.Errorf("the path %q contains characters that cannot be written to ssh_config: choose another", path)
	}
	return nil
}

// banner is the first line of what is derived.
const banner = "# Written by clever-ssh setup from clever-ssh.toml. Do not edit: run `clever-ssh setup` again.\n"

// Derived reports whether a text was written here, in whatever version: anything else in the derived folder is the user's.
func Derived(text []byte) bool { return bytes.HasPrefix(text, []byte("# Written by clever-ssh ")) }

// Config is the content of the file config. Every value in it has passed through package config.
func Config(c *config.Config, l Layout) []byte {
	var b bytes.Buffer
	b.WriteString(banner)
	if l.Added != nil {
		b.WriteString(l.Added.comment())
	}
	// The run aliases come first: where they lead does not depend on who asks.
	for _, g := range c.Gateways {
		b.WriteByte('\n')
		for _, name := range g.SortedNames() {
			fmt.Fprintf(&b, "Host %[1]s.run.%[2]s\n    ProxyCommand %[3]s bridge %[1]s.%[2]s\n", name, g.Suffix, l.Program.Proxy)
		}
		fmt.Fprintf(&b, "Host *.run.%s\n", g.Suffix)
		indent(&b, BridgeOptions(l))
	}
	if l.Program.Match != "" {
		// The quotes are deliberate: ssh reads the file, while programs that parse ssh_config with kevinburke/ssh_config
		// fail on the Match lines in it, and do not see through the quotes.
		fmt.Fprintf(&b, "\nHost *\n    Include \"%s\"\n", l.include("match"))
	}
	for _, g := range c.Gateways {
		b.WriteByte('\n')
		for _, name := range g.SortedNames() {
			b.WriteString(entry(string(name)+"."+g.Suffix, g.Names[name]))
		}
		fmt.Fprintf(&b, "Host %s *.%s\n", g.Suffix, g.Suffix)
		indent(&b, gatewayOptions(g, l))
	}
	b.WriteString("\nHost")
	for _, g := range c.Gateways {
		fmt.Fprintf(&b, " %s *.%s", g.Suffix, g.Suffix)
	}
	b.WriteByte('\n')
	indent(&b, commonOptions(l))
	return b.Bytes()
}

func indent(b *bytes.Buffer, options []string) {
	for _, o := range options {
		fmt.Fprintf(b, "    %s\n", o)
	}
}

// Options are the options of a connection to a gateway, each a line of ssh_config, for an ssh that is to do without the entries. The
// target is not among them.
func Options(g *config.Gateway, l Layout) []string {
	return append(gatewayOptions(g, l), commonOptions(l)...)
}

func gatewayOptions(g *config.Gateway, l Layout) []string {
	list := []string{"HostName " + g.Address.Host}
	if g.Address.Port != 22 {
		list = append(list, fmt.Sprintf("Port %d", g.Address.Port))
	}
	list = append(list,
		"User "+g.Address.User,
		"ProxyCommand "+l.Program.Proxy+" proxy --ssh "+g.Suffix,
		"HostKeyAlias "+g.HostKeyAlias())
	if g.Identity != "" && !strings.EqualFold(filepath.Ext(g.Identity), ".ppk") { // which is PuTTY's own form
		list = append(list, "IdentityFile "+quote(strings.ReplaceAll(filepath.ToSlash(g.Identity), "%", "%%")), "IdentitiesOnly yes")
	}
	return list
}

func commonOptions(l Layout) []string {
	algorithms := "ssh-ed25519"
	if l.RSA {
		algorithms += ",rsa-sha2-512,rsa-sha2-256"
	}
	return []string{
		"RemoteCommand none",
		"RequestTTY force",
		"ProxyUseFdpass no",
		"CanonicalizeHostname no",
		"ControlPath none",
		"HostKeyAlgorithms " + algorithms,
		"UserKnownHostsFile " + l.knownHosts("known_hosts"),
		"StrictHostKeyChecking yes",
		"VerifyHostKeyDNS no",
		"UpdateHostKeys no",
		"PubkeyAuthentication yes",
		"PreferredAuthentications publickey",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"ForwardAgent no",
		"ForwardX11 no",
		"Tunnel no",
		"ServerAliveInterval 30",
		"ServerAliveCountMax 4",
	}
}

// BridgeOptions are the options of a connection to the bridge, each a line of ssh_config. What an alias stands for is not among them.
//
// Under this HostName and Port, programs that do not know HostKeyAlias (libssh, paramiko) look for the bridge's host key. There is no such
// host: where ssh does not use the ProxyCommand, as with -J, it must not get to the gateway, and find that its host key is not the bridge's.
//
// The algorithms are here because a person may want others for all hosts, and the bridge has not all that servers have. A name that
// an ssh does not know stops it for every host. So the key exchange is what each ssh would take by itself, less a family of which the
// bridge has one method; and there are only ciphers that every ssh has had since 8.0, or since it could be built without OpenSSL (which
// one without RSA was). Those cost least on the way through this machine, or authenticate by themselves, so that no MAC is needed.
func BridgeOptions(l Layout) []string {
	ciphers := "chacha20-poly1305@openssh.com,aes128-ctr"
	if l.RSA {
		ciphers = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr"
	}
	return []string{
		"HostName " + BridgeHostKeyAlias,
		"Port 22",
		"ProxyCommand " + l.Program.Proxy + " bridge",
		"RemoteCommand none",
		"RequestTTY auto",
		"VisualHostKey no",
		"ControlPath none",
		"KexAlgorithms -diffie-hellman-*",
		"Ciphers " + ciphers,
		"HostKeyAlias " + BridgeHostKeyAlias,
		"UserKnownHostsFile " + l.knownHosts("bridge_known_hosts"),
	}
}

// entry is what sends an alias to its target. ssh_config has no token for "the alias without its suffix", so each
// needs lines of its own.
func entry(alias string, target config.Target) string {
	return fmt.Sprintf("Host %s\n    RemoteCommand %s\n", alias, target)
}

// HasEntry reports whether a derived file, config or direct.conf, sends an alias to a target.
func HasEntry(text []byte, alias string, target config.Target) bool {
	e := []byte(entry(alias, target))
	return bytes.HasPrefix(text, e) || bytes.Contains(text, append([]byte("\n"), e...))
}

// instancePattern follows the selector in the pattern for an instance alias.
const instancePattern = ".*."

// FindsInstances reports whether a match file is one that has ssh ask for the instances of instance aliases.
func FindsInstances(match []byte) bool { return bytes.Contains(match, []byte(",any"+instancePattern)) }

// Match is the content of the match file. What the gateway cannot do goes through the bridge. A direct alias is entered into
// direct.conf just before ssh reads that file, so that its first connection works already. ssh expands no token in it, and
// no alias reaches a shell.
func Match(c *config.Config, l Layout) []byte {
	if l.Program.Match == "" {
		return nil
	}
	var all, direct []string
	for _, g := range c.Gateways {
		all = append(all, g.Suffix, "*."+g.Suffix)
		direct = append(direct, "!*.run."+g.Suffix, "app_*."+g.Suffix, "????????-????-????-????-????????????."+g.Suffix)
		for _, selector := range []string{"?", "??", "???", "any", "build", "all"} { // ssh has no pattern for digits alone
			direct = append(direct, selector+instancePattern+g.Suffix)
		}
	}
	var b bytes.Buffer
	b.WriteString(banner)
	match := func(patterns []string, question string) {
		fmt.Fprintf(&b, "Match originalhost \"%s\" exec \"%s match %s\"\n", strings.Join(patterns, ","), l.Program.Match, question)
	}
	match(all, "command")
	indent(&b, BridgeOptions(l))
	match(direct, "direct")
	fmt.Fprintf(&b, "    Include %s\n", quote(l.include("direct.conf")))
	return b.Bytes()
}
