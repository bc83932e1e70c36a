// Package sshconfig writes the ssh_config entries: the files in the derived folder, and the one line in the user's
// own file that includes them. They are written so that OpenSSH 8.0 to 10.5 all read them the same way.
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

	// Standard says that UserFile is ~/.ssh/config, with ~ the account's home. Paths are then written relative to
	// that folder, as ssh resolves them.
	Standard bool

	// Added is what setup added to the user's file, or nil.
	Added *Added

	// Program is how the entries call clever-ssh.
	Program Program

	// RSA says whether ssh supports RSA keys. An ssh that does not rejects its whole configuration if an RSA
	// algorithm appears in it.
	RSA bool
}

// Folder returns the derived folder. Setup and the connections themselves rewrite all files in it.
func (l Layout) Folder() string { return filepath.Join(filepath.Dir(l.UserFile), "clever") }

// ConfigFile is the file that the user's own file includes, with the entries.
func (l Layout) ConfigFile() string { return filepath.Join(l.Folder(), "config") }

// MatchFile is the file with the Match lines. Its name does not end in .conf: people have lines such as
// "Include */*.conf", and some programs that follow them cannot read a Match line.
func (l Layout) MatchFile() string { return filepath.Join(l.Folder(), "match") }

// DirectFile is the file with the entries that connections add for direct aliases and instances.
func (l Layout) DirectFile() string { return filepath.Join(l.Folder(), "direct.conf") }

// KnownHosts is the file with the gateways' host keys, to which connections add those that they have checked.
func (l Layout) KnownHosts() string { return filepath.Join(l.Folder(), "known_hosts") }

// OldMatchFile is where earlier versions wrote the match file. It remains in use until the next setup.
func (l Layout) OldMatchFile() string { return filepath.Join(l.Folder(), "match.conf") }

// BridgeKey is the file with the bridge's host key, which setup makes.
func (l Layout) BridgeKey() string { return filepath.Join(l.Folder(), "bridge_key") }

// BridgeKnownHosts is the file with which ssh compares the bridge's host key.
func (l Layout) BridgeKnownHosts() string { return filepath.Join(l.Folder(), "bridge_known_hosts") }

// BridgeHostKeyAlias is the name under which ssh looks up the bridge's host key.
const BridgeHostKeyAlias = "clever-ssh-bridge"

// include returns a path in the derived folder as an Include line spells it: relative to ~/.ssh, even under -F, or
// absolute (ssh_config(5), Include).
func (l Layout) include(name string) string {
	if l.Standard {
		return "clever/" + name
	}
	return filepath.ToSlash(filepath.Join(l.Folder(), name))
}

// IncludeLine is the line that the user's own file must begin with.
func (l Layout) IncludeLine() string { return "Include " + quote(l.include("config")) }

// knownHosts returns the path of a file in the derived folder as UserKnownHostsFile spells it.
func (l Layout) knownHosts(name string) string {
	if l.Standard {
		return "~/.ssh/clever/" + name
	}
	return quote(filepath.ToSlash(filepath.Join(l.Folder(), name)))
}

// quote puts a path into double quotes where some version of ssh would otherwise split it.
func quote(path string) string {
	if strings.ContainsAny(path, " \t'=") {
		return `"` + path + `"`
	}
	return path
}

// CheckPath rejects the path of a user's file if the entries could not refer to its folder: ssh expands patterns in
// Include, expands tokens and variables in UserKnownHostsFile, and has no escape for a quote.
func CheckPath(path string) error {
	if strings.ContainsFunc(filepath.ToSlash(path), func(r rune) bool {
		return !unicode.IsPrint(r) || strings.ContainsRune(`"'%$*?[]\`, r)
	}) {
		return fmt.Errorf("the path %q contains characters that cannot be written to ssh_config: choose another", path)
	}
	return nil
}

// banner is the first line of the derived files.
const banner = "# Written by clever-ssh setup from clever-ssh.toml. Do not edit: run `clever-ssh setup` again.\n"

// Derived reports whether any version of clever-ssh wrote a text: anything else in the derived folder is the user's.
func Derived(text []byte) bool { return bytes.HasPrefix(text, []byte("# Written by clever-ssh ")) }

// Config returns the content of the file config. Every value in it has passed through package config.
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
		// The quotes are deliberate. ssh reads the file, but programs that parse ssh_config with
		// kevinburke/ssh_config would fail on its Match lines, and they do not see through the quotes.
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

// Options returns the options of a connection to a gateway, each a line of ssh_config, for an ssh that runs without
// the entries. The target is not among them.
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
	if g.Identity != "" && !strings.EqualFold(filepath.Ext(g.Identity), ".ppk") { // PuTTY's own format
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

// BridgeOptions returns the options of a connection to the bridge, each a line of ssh_config. What an alias stands
// for is not among them.
//
// Programs that do not support HostKeyAlias (libssh, paramiko) look up the bridge's host key under this HostName and
// Port. There is no such host: where ssh does not use the ProxyCommand, as with -J, it must not reach the gateway and
// find that the host key there is not the bridge's.
//
// The algorithms are here because a person may want others for all hosts, and the bridge does not have every
// algorithm that servers have. A name that an ssh does not know stops that ssh for every host. So the key exchange
// is what each ssh would choose by itself, minus one family: the bridge has only one of its methods. The ciphers are
// only those that every ssh has had since 8.0, or since it could be built without OpenSSL (as an ssh without RSA
// was). They cost least on the way through this machine, or authenticate by themselves, so no MAC is needed.
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

// entry returns the lines that send an alias to its target. ssh_config has no token for "the alias without its
// suffix", so each alias needs its own.
func entry(alias string, target config.Target) string {
	return fmt.Sprintf("Host %s\n    RemoteCommand %s\n", alias, target)
}

// HasEntry reports whether a derived file, config or direct.conf, sends an alias to a target.
func HasEntry(text []byte, alias string, target config.Target) bool {
	e := []byte(entry(alias, target))
	return bytes.HasPrefix(text, e) || bytes.Contains(text, append([]byte("\n"), e...))
}

// instancePattern follows the selector in the pattern for instance aliases.
const instancePattern = ".*."

// FindsInstances reports whether a match file makes ssh ask for the instances of instance aliases.
func FindsInstances(match []byte) bool { return bytes.Contains(match, []byte(",any"+instancePattern)) }

// Match returns the content of the match file. Whatever the gateway cannot do goes through the bridge. A direct alias
// is entered into direct.conf just before ssh reads that file, so its first connection works already. ssh expands no
// token in the match file, and no alias reaches a shell.
func Match(c *config.Config, l Layout) []byte {
	if l.Program.Match == "" {
		return nil
	}
	var all, direct []string
	for _, g := range c.Gateways {
		all = append(all, g.Suffix, "*."+g.Suffix)
		direct = append(direct, "!*.run."+g.Suffix, "app_*."+g.Suffix, "????????-????-????-????-????????????."+g.Suffix)
		for _, selector := range []string{"?", "??", "???", "any", "build", "all"} { // ssh cannot match only digits
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
