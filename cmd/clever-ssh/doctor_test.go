//go:build unix

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// What the program says of a check in JSON.
const statusOK, statusWarning, statusFailed, statusSkipped = "ok", "warning", "failed", "skipped"

// reported is a check in the JSON of doctor.
type reported struct {
	Check, About, Status, Found string
	Details, Hints              []string
}

// The variables by which the program's processes tell each other something.
const lookOnly, otherKnownHosts = "CLEVER_SSH_LOOK_ONLY", "CLEVER_SSH_KNOWN_HOSTS"

// patient is a home in which something is to be wrong.
type patient struct {
	*home
	t     *testing.T
	g     *gateway.Gateway
	alias string
}

// edit changes a file by a pattern that must be in it.
func (p *patient) edit(file, pattern, replacement string) {
	p.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || !regexp.MustCompile(pattern).Match(text) {
		p.t.Fatalf("%s: %v, nothing like %s in\n%s", file, err, pattern, text)
	}
	must(p.t, os.WriteFile(file, regexp.MustCompile(pattern).ReplaceAll(text, []byte(replacement)), 0o600))
}

func (p *patient) write(file, text string, mode os.FileMode) {
	p.t.Helper()
	must(p.t, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode))
}

// set sets a variable of the environment.
func (p *patient) set(name, value string) { p.env = append(p.env, name+"="+value) }

func (p *patient) run(name string, args ...string) {
	p.t.Helper()
	runs(p.t, p.command(name, args...))
}

// settings is the path of clever-ssh.toml.
func (p *patient) settings() string {
	return filepath.Join(p.dir, ".config/clever-cloud/clever-ssh.toml")
}

// onlyPrograms leaves scripts with these names on PATH, and clever-ssh.
func (p *patient) onlyPrograms(scripts map[string]string) {
	p.t.Helper()
	bin := filepath.Join(p.dir, "bin")
	for name, text := range scripts {
		p.write(filepath.Join(bin, name), "#!/bin/sh\n"+text, 0o700)
	}
	program, err := exec.LookPath("clever-ssh")
	must(p.t, err, os.MkdirAll(bin, 0o700), os.Symlink(program, filepath.Join(bin, "clever-ssh")))
	p.set("PATH", bin)
}

// agent serves an agent with so many keys, and returns the public half of one; a silent one takes questions and never answers.
func (p *patient) agent(n int, silent bool) (public string) {
	p.t.Helper()
	path := filepath.Join(sockets(p.t), "agent")
	l, err := net.Listen("unix", path)
	must(p.t, err)
	p.t.Cleanup(func() { l.Close() })
	keyring := agent.NewKeyring()
	for range n {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		must(p.t, err, keyring.Add(agent.AddedKey{PrivateKey: &key, Comment: "a key\u009b31m"}))
		signer, err := ssh.NewSignerFromKey(key)
		must(p.t, err)
		public = string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.t.Cleanup(func() { c.Close() })
			if !silent {
				go agent.ServeAgent(keyring, c)
			}
		}
	}()
	p.set("SSH_AUTH_SOCK", path)
	return public
}

// giveAway makes a file somebody else's, which others can read: as root alone.
func (p *patient) giveAway(path string) {
	p.t.Helper()
	test.NeedRoot(p.t)
	must(p.t, os.Chown(path, 1, -1), os.Chmod(path, 0o444))
}

// lock makes a folder one that cannot be written.
func (p *patient) lock(path string) {
	p.t.Helper()
	if os.Geteuid() == 0 {
		p.t.Skip("root can write everywhere")
	}
	must(p.t, os.Chmod(path, 0o500))
	p.t.Cleanup(func() { os.Chmod(path, 0o700) })
}

// Every check has something that makes it fail, or warn, and tells what to do about it. Whatever is wrong, doctor changes nothing.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		title       string
		spoil       func(p *patient)
		check       string
		status      string
		found, hint string // patterns
	}{
		{"all is well", func(p *patient) { p.alias = "web.clever" }, "login", statusOK, `^the gateway lets you in, with .*/\.ssh/id ED25519 SHA256:\S+$`, `^$`},
		{"a command", func(p *patient) { p.alias = "web.clever" }, "session", statusOK, `^a command runs there$`, `^$`},
		{"a key of another account", func(p *patient) {
			p.alias = "web.clever"
			other := &gateway.Gateway{HostKeys: p.g.HostKeys, Accounts: append(p.g.Accounts, gateway.Account{Keys: []ssh.PublicKey{p.newKey()}})}
			must(p.t, other.Start("127.0.0.1:0"))
			p.t.Cleanup(func() { other.Close() })
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, other.Addr())
			p.run("clever-ssh", "setup")
			p.g = other
		}, "session", statusFailed, `^the gateway refuses: .*no instances you can ssh to`, `is your SSH key registered with the account that it belongs to`},
		{"several instances", func(p *patient) { p.alias = appPair + ".clever" }, "session", statusOK, `asks for one of 2 instances`, `^$`},
		{"a slow way", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, delayed(p.t, p.g.Addr(), 900*time.Millisecond))
			p.run("clever-ssh", "setup")
		}, "host key", statusWarning, `^SHA256:\S+, which is pinned; it came after \d+ ms$`, `^the way there is slow`},
		{"the menu", func(p *patient) { p.alias = "clever" }, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"an id", func(p *patient) { p.alias = appPair + ".clever" }, "options", statusOK, `^\d+ values`, `^$`},
		{"a run alias", func(p *patient) { p.alias = "web.run.clever" }, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"through a proxy", func(p *patient) {
			p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"http://"+talker(p.t, "HTTP/1.0 403 Forbidden\r\n\r\n")+"\"")
		}, "host key", statusFailed, `via http://127\.0\.0\.1:\d+: the proxy refused: "HTTP/1\.0 403 Forbidden`, `the setting via`},

		{"the program has gone", func(p *patient) {
			p.edit(p.path("clever/config"), `ProxyCommand \S+`, "ProxyCommand /nowhere/clever-ssh")
		},
			"program", statusFailed, `the entries call /nowhere/clever-ssh: no such file`, `run: clever-ssh setup`},
		{"the program is another", func(p *patient) {
			p.write(filepath.Join(p.dir, "older"), "#!/bin/sh\n", 0o700)
			p.edit(p.path("clever/config"), `ProxyCommand \S+`, "ProxyCommand "+filepath.Join(p.dir, "older"))
		}, "program", statusWarning, `the entries call .*/older, and this is `, `run: clever-ssh setup`},
		{"no program in the entries", func(p *patient) { p.edit(p.path("clever/config"), `ProxyCommand \S+ proxy`, "ProxyCommand nc") },
			"entries", statusFailed, `calls no clever-ssh`, `run: clever-ssh setup`},
		{"no entries", func(p *patient) { must(p.t, os.RemoveAll(p.path("clever"))) }, "entries", statusFailed, `there are none in .*/clever/config`, `run: clever-ssh setup`},
		{"somebody else's entries", func(p *patient) { p.write(p.path("clever/config"), "Host *\n", 0o600) }, "entries", statusFailed, `is not one of clever-ssh's files`, `move it away`},
		{"entries of former settings", func(p *patient) { p.edit(p.settings(), `\[gateway.names\]|\[names\]`, "$0\nother = \"app_other\"") },
			"entries", statusFailed, `not what follows from your settings: .*/clever/config`, `run: clever-ssh setup`},
		{"an edited entry", func(p *patient) { p.edit(p.path("clever/config"), `Host web.clever`, "Host wet.clever") },
			"entries", statusFailed, `not what follows from your settings: .*/clever/config`, `run: clever-ssh setup`},

		{"no client", func(p *patient) { p.onlyPrograms(nil) }, "ssh", statusFailed, `neither ssh nor plink`, `install OpenSSH`},
		{"an old ssh", func(p *patient) { p.onlyPrograms(map[string]string{"ssh": "echo OpenSSH_7.9p1 >&2"}) }, "ssh", statusWarning, `/ssh, OpenSSH_7\.9p1`, `OpenSSH 8\.0`},
		{"an ssh that does not run", func(p *patient) { p.onlyPrograms(map[string]string{"ssh": "exit 3"}) }, "ssh", statusFailed, `cannot be run: exit status 3`, ``},
		{"an old plink", func(p *patient) { p.onlyPrograms(map[string]string{"plink": "echo plink: Release 0.74; exit 1"}) }, "plink", statusWarning, `Release 0\.74`, `PuTTY 0\.75`},
		{"a plink that does not run", func(p *patient) { p.onlyPrograms(map[string]string{"plink": "exit 3"}) }, "plink", statusWarning, `cannot be run`, ``},

		{"broken settings", func(p *patient) { p.write(p.settings(), "ssh-config = 1\n", 0o600) }, "settings", statusFailed, `clever-ssh\.toml`, `mend that line`},
		{"a password for everybody", func(p *patient) {
			p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"socks5://me:secret@127.0.0.1:1\"")
			must(p.t, os.Chmod(p.settings(), 0o644))
		}, "settings", statusWarning, `holds the password of a proxy`, `chmod 600 .*clever-ssh\.toml`},
		{"an unknown alias", func(p *patient) { p.alias = "wep.clever" }, "alias", statusFailed, `unknown alias "wep\.clever"`, `did you mean web\.clever`},
		{"a variable that stayed", func(p *patient) { p.set(lookOnly, "1") }, "environment", statusFailed, lookOnly, `unset ` + lookOnly},
		{"another variable that stayed", func(p *patient) { p.set(otherKnownHosts, "/nowhere") }, "environment", statusFailed, otherKnownHosts, `unset ` + otherKnownHosts},

		{"a file that others can write", func(p *patient) { must(p.t, os.Chmod(p.path("config"), 0o622)) }, "files", statusFailed, `others can write to .*/config \(mode 0622\)`, `chmod go-w .*/config`},
		{"entries that others can write", func(p *patient) { must(p.t, os.Chmod(p.path("clever/match.conf"), 0o666)) }, "files", statusFailed, `others can write to .*/match\.conf`, `chmod go-w`},
		{"a bridge's key for everybody", func(p *patient) { must(p.t, os.Chmod(p.path("clever/bridge_key"), 0o644)) }, "files", statusFailed, `others have access to .*/bridge_key`, `chmod 600 `},
		{"a folder that others can write", func(p *patient) { must(p.t, os.Chmod(p.path("."), 0o777)) }, "files", statusFailed, `others can write to .*/\.ssh `, `chmod go-w`},
		{"a folder that the group can write", func(p *patient) { must(p.t, os.Chmod(p.path("."), 0o775)) }, "files", statusWarning, `others can write to .*/\.ssh .*the group`, `chmod go-w`},
		{"a mounted key", func(p *patient) { p.giveAway(p.path("id")) }, "key", statusOK, `not encrypted`, `^$`},
		{"entries that cannot be written", func(p *patient) { p.lock(p.path("clever")) }, "files", statusFailed, `connections cannot write to .*/clever: permission denied`, `chmod u\+wx .*/clever`},

		{"a file of somebody else's", func(p *patient) {
			test.NeedRoot(p.t)
			must(p.t, os.Chown(p.path("clever/match.conf"), 65534, 65534))
		}, "files", statusFailed, `match\.conf belongs to somebody else`, `sudo chown "\$\(id -un\)" .*/match\.conf`},

		{"a folder in a file's place", func(p *patient) {
			must(p.t, os.MkdirAll(p.path("clever/known_hosts/x"), 0o700))
		}, "files", statusFailed, `known_hosts is a folder`, `move it away`},

		{"no Include", func(p *patient) { p.edit(p.path("config"), `^Include.*\n`, "") }, "Include", statusFailed, `does not include the entries`, `clever-ssh setup`},
		{"an Include in another file", func(p *patient) {
			p.write(p.path("more"), "Include "+p.path("clever/config")+"\n", 0o600)
			p.edit(p.path("config"), `^Include.*`, "Include "+p.path("mor*"))
		}, "Include", statusWarning, `^ssh finds the entries, but not by the first line`, `clever-ssh setup`},
		{"a late Include", func(p *patient) { p.edit(p.path("config"), `(?s)^(Include.*?\n)(.*)$`, "$2$1") }, "Include", statusFailed, `not the first one`, `clever-ssh setup`},
		{"no configuration", func(p *patient) { must(p.t, os.Remove(p.path("config")), os.Mkdir(p.path("config"), 0o700)) }, "Include", statusFailed, `.`, `must be readable`},

		{"a value before ours", func(p *patient) { p.edit(p.path("config"), `^`, "\n  StrictHostKeyChecking=no\n") },
			"options", statusFailed, `otherwise than the entries want; stricthostkeychecking is false, not true: \S+/\.ssh/config line 2`, `take that line out`},
		{"a value that we cannot set", func(p *patient) { p.edit(p.path("config"), `$`, "\nHost *\n    StdinNull yes\n") },
			"options", statusFailed, `stdinnull is yes, not no: \S+/\.ssh/config line \d`, `take that line out`},
		{"a tunnel that the gateway refuses", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    RemoteForward 9999 localhost:1\n    ExitOnForwardFailure yes\n")
		}, "options", statusFailed, `exitonforwardfailure is yes, not no: \S+/\.ssh/config line \d`, `take that line out`},
		{"a value that comes last", func(p *patient) { p.edit(p.path("config"), `$`, "\nMatch final\n    StdinNull yes\n") },
			"options", statusFailed, `stdinnull is yes, not no$`, `^look for stdinnull .* Match final`},
		{"a ProxyJump before ours", func(p *patient) { p.edit(p.path("config"), `^`, "ProxyJump bastion\n") },
			"options", statusFailed, `proxycommand is not set, not .*: \S+/\.ssh/config line 1`, `^take that line out`},
		{"a shell that is not there", func(p *patient) { p.alias = "web.clever"; p.set("SHELL", "/nowhere/sh") },
			"options", statusFailed, `^ssh refuses its configuration: Shell "/nowhere/sh" is not executable`, `^$`},
		{"a value changed in the entries", func(p *patient) { p.edit(p.path("clever/config"), `RequestTTY force`, "RequestTTY no") },
			"options", statusFailed, `requesttty is false, not force: \S+/clever/config line \d+`, `clever-ssh setup`},
		{"a method that the bridge has not", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("config"), `^`, "KexAlgorithms diffie-hellman-group16-sha512\n")
		}, "options", statusFailed, `kexalgorithms is diffie-hellman-group16-sha512, not \S+: \S+/\.ssh/config line 1`, `^take that line out`},
		{"a method for all hosts", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    KexAlgorithms diffie-hellman-group16-sha512\n    Ciphers aes192-ctr\n")
		}, "options", statusOK, `^\d+ values`, `^$`},
		{"a cipher that the bridge has not", func(p *patient) {
			p.alias = "web.run.clever"
			p.edit(p.path("config"), `^`, "Ciphers aes192-ctr\n")
		}, "options", statusFailed, `ciphers is aes192-ctr, not \S+: \S+/\.ssh/config line 1`, `^take that line out`},
		{"another target", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("clever/config"), `(RemoteCommand )app_facade\S*`, "${1}app_other")
		}, "options", statusFailed, `remotecommand is app_other, not app_facade`, `clever-ssh setup`},
		{"entries that ssh does not find", func(p *patient) { p.edit(p.path("config"), `^Include`, "Host nobody\nInclude") }, "options", statusFailed, `does not find the entries`, `clever-ssh setup`},
		{"a slow configuration", func(p *patient) { p.edit(p.path("config"), `$`, "\nMatch exec \"sleep 20\"\n") },
			"options", statusFailed, `^ssh did not finish reading its configuration within 6s: does a Match exec`, ``},
		{"a broken configuration", func(p *patient) { p.edit(p.path("config"), `$`, "\nNoSuchOption yes\n") },
			"options", statusFailed, `ssh refuses its configuration: .*line \d+: Bad configuration option: nosuchoption`, ``},
		{"a shell that is none", func(p *patient) { p.set("SHELL", "/bin/false") }, "environment", statusFailed, `\$SHELL is /bin/false, .* exit status 1`, `export SHELL=/bin/sh`},
		{"a shell that has gone", func(p *patient) { p.set("SHELL", "/nowhere/sh") }, "environment", statusFailed, `\$SHELL is /nowhere/sh, .*no such file`, `export SHELL=/bin/sh`},
		{"a shell that does not run", func(p *patient) { p.alias = appPair + ".clever"; p.set("SHELL", "/bin/false") },
			"options", statusFailed, "`clever-ssh match direct` did not answer", `with \$SHELL, which is /bin/false`},

		{"an unknown name", func(p *patient) { p.edit(p.settings(), `127\.0\.0\.1:\d+`, "gateway.invalid") }, "name", statusFailed, `.`, `is the network up`},
		{"nobody listens", func(p *patient) { p.g.Close() }, "address", statusFailed, `connection refused`, ``},
		{"a firewall", func(p *patient) { p.edit(p.settings(), `127\.0\.0\.1:\d+`, blackHole(p.t, "127.0.0.1:0")) }, "address", statusFailed, `no answer within`, ``},
		{"a proxy that is unknown", func(p *patient) { p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"http://proxy.invalid:1\"") },
			"name", statusFailed, `.`, `via in clever-ssh\.toml`},
		{"other host keys", func(p *patient) { p.edit(p.settings(), `SHA256:.`, "SHA256:_") }, "settings", statusFailed, `.`, `mend`},
		{"a host key that is not pinned", func(p *patient) { p.edit(p.settings(), `"SHA256:[^"]*", `, "") },
			"host key", statusFailed, `^host key SHA256:\S+ of \S+ is not pinned \(expected SHA256:\S+\)$`, `this is not the gateway that you have pinned`},
		{"one kind of host key", func(p *patient) {
			p.alias = "web.clever"
			one := &gateway.Gateway{HostKeys: p.g.HostKeys[:1], Accounts: p.g.Accounts}
			must(p.t, one.Start("127.0.0.1:0"))
			p.t.Cleanup(func() { one.Close() })
			p.run("clever-ssh", "setup", "--gateway", "ssh@"+one.Addr(), "--pin", pinOf(p.g, 0))
		}, "host key", statusSkipped, `has none$`, `^$`},
		{"another gateway is down", func(p *patient) {
			p.run("clever-ssh", "setup", "--suffix", "staging", "--gateway", "ssh@127.0.0.1:1", "--pin", pinOf(p.g, 0))
		}, "host key", statusSkipped, `^nobody can be reached`, `^$`},
		{"another gateway is down, but not asked for", func(p *patient) {
			p.alias = "web.clever"
			p.run("clever-ssh", "setup", "--suffix", "staging", "--gateway", "ssh@127.0.0.1:1", "--pin", pinOf(p.g, 0))
		}, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"no SSH", func(p *patient) {
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, talker(p.t, "HTTP/1.0 400 Bad Request\r\n\r\n"))
		}, "host key", statusFailed, `.`, `nothing of yours was sent`},
		{"silence", func(p *patient) { p.edit(p.settings(), `127\.0\.0\.1:\d+`, talker(p.t, "")) }, "host key", statusFailed, `no answer within|the examination ends|closed the connection`, `.`},

		{"files of the future", func(p *patient) {
			later := time.Now().Add(time.Hour)
			must(p.t, os.Chtimes(p.path("clever/config"), later, later))
		}, "clock", statusFailed, `it says .*, but .*/clever/config was written at `, `set the clock`},

		{"no agent", func(p *patient) { p.set("SSH_AUTH_SOCK", "/nowhere/agent") }, "agent", statusWarning, `/nowhere/agent does not answer: .*no such file`, `ssh-agent`},
		{"a silent agent", func(p *patient) { p.agent(0, true) }, "agent", statusWarning, `does not answer: no answer within`, `ssh-agent`},
		{"no agent where ssh is told to look", func(p *patient) { p.edit(p.path("config"), `$`, "\nHost *\n    IdentityAgent \"~/no agent\"\n") },
			"agent", statusWarning, `/no agent does not answer: `, `^IdentityAgent in your ssh configuration names it`},
		{"many keys", func(p *patient) { p.edit(p.path("config"), `IdentitiesOnly yes`, ""); p.agent(5, false) }, "keys", statusWarning, `ssh offers 6`, `--identity`},
		{"many keys, and settings and entries that cannot be read", func(p *patient) {
			p.write(p.settings(), "ssh-config = \""+p.path("config")+"\"\nnames = 1\n", 0o600)
			must(p.t, os.RemoveAll(p.path("clever")))
			p.edit(p.path("config"), `IdentitiesOnly yes`, "")
			p.agent(8, false)
		}, "keys", statusWarning, `ssh offers \d+`, `clever-ssh setup --identity`},
		{"many keys for another gateway", func(p *patient) {
			p.alias = "staging"
			p.run("clever-ssh", "setup", "--suffix", "staging", "--gateway", "ssh@"+p.g.Addr(), "--pin", pinOf(p.g, 0), "--pin", pinOf(p.g, 1))
			p.edit(p.path("config"), `IdentitiesOnly yes`, "")
			p.agent(5, false)
		}, "keys", statusWarning, `ssh offers 6`, `clever-ssh setup --suffix staging --identity`},
		{"few keys", func(p *patient) { p.edit(p.path("config"), `IdentitiesOnly yes`, ""); p.agent(4, false) }, "agent", statusOK, `with 4 keys$`, `^$`},

		{"a key for everybody", func(p *patient) { must(p.t, os.Chmod(p.path("id"), 0o640)) }, "key", statusFailed, `others have access to .*/id \(mode 0640\)`, `^type: chmod 600 \S+/id$`},
		{"nothing but a key for everybody", func(p *patient) { must(p.t, os.Chmod(p.path("id"), 0o644)) }, "keys", statusSkipped, `^ssh can use none of those above$`, `^$`},
		{"a key that never ends", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    IdentityFile "+p.path("pipe")+"\n")
			must(p.t, syscall.Mkfifo(p.path("pipe"), 0o600))
		},
			"key", statusFailed, `no answer within`, `--identity`},
		{"a key of PuTTY's", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    IdentityFile "+p.path("id.ppk")+"\n")
			p.write(p.path("id.ppk"), "PuTTY-User-Key-File-3: ssh-ed25519\n", 0o600)
		},
			"key", statusWarning, `a key of PuTTY's`, `--identity`},
		{"a public half beside no key", func(p *patient) {
			p.write(p.path("id.pub"), p.agent(1, false), 0o600)
			must(p.t, os.Remove(p.path("id")))
		}, "key", statusOK, `^ssh-ed25519, in the agent`, `^$`},
		{"tokens", func(p *patient) {
			must(p.t, os.Rename(p.path("id"), p.path("id-ssh-127.0.0.1")))
			p.edit(p.path("config"), `IdentityFile .*`, "IdentityFile "+p.path("id-%r-%h"))
		},
			"key", statusOK, `not encrypted`, `^$`},
		{"a token of this connection", func(p *patient) {
			must(p.t, os.Remove(p.path("id")))
			p.edit(p.path("config"), `IdentityFile .*`, "IdentityFile "+p.path("id-%C"))
		},
			"keys", statusSkipped, `only a login shows`, `^$`},
		{"another public half", func(p *patient) {
			p.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.path("other"))
			must(p.t, os.Rename(p.path("other.pub"), p.path("id.pub")))
		},
			"key", statusFailed, `id\.pub, belongs to another key`, `ssh-keygen -y -f .*/id > .*/id\.pub`},
		{"another public half, encrypted", func(p *patient) {
			p.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.path("other"))
			p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
			must(p.t, os.Rename(p.path("other.pub"), p.path("id.pub")))
		}, "key", statusFailed, `id\.pub, belongs to another key`, `ssh-keygen -y`},
		{"no key", func(p *patient) { p.write(p.path("id"), "nothing\n", 0o600) }, "key", statusFailed, `.`, `--identity`},
		{"none of the keys", func(p *patient) { must(p.t, os.Remove(p.path("id"))) }, "keys", statusFailed, `none to offer`, `ssh-keygen -t ed25519`},
		{"an identity that has gone", func(p *patient) {
			p.write(p.path("mine"), "x", 0o600)
			p.run("clever-ssh", "setup", "--identity", p.path("mine"))
			must(p.t, os.Remove(p.path("mine")))
		}, "key", statusFailed, `.`, `--identity`},
		{"half a key", func(p *patient) {
			p.write(p.path("half.pub"), string(ssh.MarshalAuthorizedKey(p.key)), 0o600)
			p.run("clever-ssh", "setup", "--identity", p.path("half.pub"))
		}, "key", statusFailed, `the public half alone`, `ssh-agent`},
		{"half a key and an agent with another", func(p *patient) {
			p.write(p.path("half.pub"), string(ssh.MarshalAuthorizedKey(p.key)), 0o600)
			p.run("clever-ssh", "setup", "--identity", p.path("half.pub"))
			p.agent(1, false)
		}, "key", statusFailed, `the public half alone`, `^type: ssh-add .*/half$`},
		{"an encrypted key, and an agent", func(p *patient) {
			p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
			p.agent(0, false)
		}, "key", statusOK, `encrypted: ssh asks for its passphrase each time`, `ssh-add .*/id`},
		{"an encrypted key", func(p *patient) { p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id")) }, "key", statusOK, `encrypted: ssh asks for its passphrase each time; SHA256:\S+; MD5:`, `^$`},
		{"an encrypted key that does not tell", func(p *patient) {
			p.run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", p.path("old"))
			must(p.t, os.Rename(p.path("old"), p.path("id")), os.RemoveAll(p.path("id.pub")))
		}, "key", statusWarning, `does not tell its public half`, `ssh-keygen -y`},

		{"a key that nobody knows", func(p *patient) { p.alias = "web.clever"; p.newKey() }, "login", statusFailed, `knows none of the keys that ssh offered; .*/id ED25519 SHA256:`, `register`},
		{"a passphrase and no agent", func(p *patient) {
			p.alias = "web.clever"
			p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
		}, "login", statusOK, `^the gateway knows .*/id ED25519 SHA256:\S+; ssh will ask for its passphrase$`, `^$`},
		{"a passphrase, and no command", func(p *patient) {
			p.alias = "web.clever"
			p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
		}, "session", statusSkipped, `^not proven: `, `^$`},
		{"a passphrase, and no public half", func(p *patient) {
			p.alias = "web.clever"
			p.run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", p.path("old"))
			must(p.t, os.Rename(p.path("old"), p.path("id")), os.RemoveAll(p.path("id.pub")))
		}, "login", statusSkipped, `^ssh will ask for the passphrase of .*/id, and doctor asks nobody$`, `^$`},
		{"too many keys", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("config"), `(?s)IdentityFile .*`, "")
			p.agent(8, false)
		}, "login", statusFailed, `hung up after \d keys`, `--identity`},
		{"a keyword that ssh is to ignore", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("config"), `$`, "\nHost *\n    IgnoreUnknown UseKeychain\n    UseKeychain yes\n")
		}, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"an untrusted gateway", func(p *patient) { p.alias = "web.clever"; p.edit(p.settings(), `"SHA256:[^"]*", `, "") }, "login", statusSkipped, `cannot be trusted`, `^$`},
		{"revoked host keys", func(p *patient) {
			p.alias = "web.clever"
			p.write(p.path("revoked"), fmt.Sprintf("%s%s", ssh.MarshalAuthorizedKey(p.g.HostKeys[0].PublicKey()), ssh.MarshalAuthorizedKey(p.g.HostKeys[1].PublicKey())), 0o600)
			p.edit(p.path("config"), `$`, "\nHost *\n    RevokedHostKeys "+p.path("revoked")+"\n")
		}, "login", statusFailed, `Host key verification failed`, `ssh -v web\.clever`},

		{"a session of the user's", func(p *patient) {
			p.write(filepath.Join(p.dir, ".putty/sessions/web.clever"), "HostName=mine\n", 0o600)
		}, "PuTTY", statusWarning, `yours, or were changed in PuTTY: web\.clever`, `delete them in PuTTY`},
		{"a session that has gone", func(p *patient) { must(p.t, os.Remove(filepath.Join(p.dir, ".putty/sessions/web.clever"))) }, "PuTTY", statusFailed, `not what follows from your settings: web\.clever`, `run: clever-ssh setup`},
	} {
		t.Run(c.title, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			p := &patient{home: h, t: t, g: startGateway(t, h)}
			h.setup(t, p.g, "--putty=yes", "web="+appWeb)
			c.spoil(p)
			before := everything(t, h.dir)
			args := []string{"doctor", "--json"}
			if p.alias != "" {
				args = append(args, p.alias)
			}
			cmd := h.command("clever-ssh", args...)
			var report struct {
				OK     bool
				Checks []reported
			}
			out, _ := cmd.Output()
			if strings.ContainsRune(string(out), '\u009b') {
				t.Errorf("%v shows what a terminal obeys:\n%q", cmd.Args, out)
			}
			if err := json.Unmarshal(out, &report); err != nil {
				t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
			}
			failures, met := 0, false
			for _, f := range report.Checks {
				if f.Status == statusFailed {
					failures++
				}
				found := strings.Join(append([]string{f.Found}, f.Details...), "; ")
				met = met || f.Check == c.check && f.Status == c.status && matches(c.found, found) && matches(c.hint, strings.Join(f.Hints, "\n"))
			}
			if !met {
				t.Errorf("%v says no %q of %q like %s, with a hint like %s:\n%s", cmd.Args, c.status, c.check, c.found, c.hint, out)
			}
			if report.OK != (failures == 0) || (cmd.ProcessState.ExitCode() == 0) != report.OK {
				t.Errorf("%v: %v, ok is %v, with %d failures", cmd.Args, cmd.ProcessState, report.OK, failures)
			}
			if c.status == statusOK && failures > 0 {
				t.Errorf("%v has failures:\n%s", cmd.Args, out)
			}
			if seen := p.g.Events(); p.alias == "" && len(seen.Attempts) > 0 || len(seen.Sessions) > 1 || len(seen.Sessions) > 0 && c.check == "login" && c.status == statusSkipped {
				t.Errorf("%v went farther than it should: %+v", cmd.Args, seen)
			}
			if after := everything(t, h.dir); after != before {
				t.Errorf("%v has changed what is there:\n%s\nand was\n%s", cmd.Args, after, before)
			}
		})
	}
}

// Whatever hangs, even where no deadline helps, doctor ends.
func TestDoctorEnds(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	p := &patient{home: h, t: t, g: startGateway(t, h)}
	h.setup(t, p.g, "web="+appWeb)
	p.edit(p.path("clever/config"), `\S*/clever-ssh `, filepath.Join(p.dir, "bin/clever-ssh "))
	p.onlyPrograms(map[string]string{"ssh": `case $1 in -Q) exec /bin/sleep 40;; *) echo OpenSSH_9.9p1 >&2;; esac`})
	begin := time.Now()
	out, err := h.command("clever-ssh", "doctor").Output()
	if took := time.Since(begin); err == nil || took > 15*time.Second || !matches(`(?m)^FAIL  time +the next check did not end`, string(out)) {
		t.Errorf("%v after %v:\n%s", err, took, out)
	}
}

// Colours are for a terminal, and for who wants them.
func TestDoctorColour(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	for _, c := range []struct {
		env      []string
		json     bool
		coloured bool
	}{
		{nil, false, true},
		{[]string{"NO_COLOR=1"}, false, false},
		{[]string{"TERM=dumb"}, false, false},
		{nil, true, false},
	} {
		args := []string{"doctor"}
		if c.json {
			args = append(args, "--json")
		}
		cmd := h.command("clever-ssh", args...)
		cmd.Env = append(cmd.Env, c.env...)
		term := start(t, cmd)
		term.status(t)
		if coloured := strings.Contains(term.screen.String(), "\x1b["); coloured != c.coloured {
			t.Errorf("%q %v: colours are %v\n%q", c.env, args, coloured, term.screen.String())
		}
	}
	out, _ := h.command("clever-ssh", "doctor").Output()
	if strings.Contains(string(out), "\x1b") || !strings.Contains(string(out), "FAIL  entries") {
		t.Errorf("through a pipe:\n%q", out)
	}
}

// newKey gives the home a key that the gateway does not know.
func (p *patient) newKey() ssh.PublicKey {
	p.t.Helper()
	must(p.t, os.Remove(p.path("id")))
	key, err := gateway.WriteUserKey(p.path("id"))
	must(p.t, err)
	return key
}

// everything is what is in a folder, with modes, times and contents.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s %s", path, info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", text)
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

// talker is the address of somebody who says a text to everybody, and nothing if it is empty.
func talker(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			fmt.Fprint(c, text)
			if text != "" {
				c.(*net.TCPConn).CloseWrite()
			}
		}
	}()
	return l.Addr().String()
}

// delayed is the address of somebody who passes everything on to another address, both ways, after a while.
func delayed(t *testing.T, address string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	type piece struct {
		data []byte // nil at the end
		due  time.Time
	}
	carry := func(to, from net.Conn) {
		pieces := make(chan piece, 1000)
		go func() {
			for p := range pieces {
				time.Sleep(time.Until(p.due))
				to.Write(p.data)
			}
			to.(*net.TCPConn).CloseWrite()
		}()
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if pieces <- (piece{buf[:n], time.Now().Add(delay)}); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				continue
			}
			t.Cleanup(func() { near.Close(); far.Close() })
			go carry(far, near)
			go carry(near, far)
		}
	}()
	return l.Addr().String()
}
