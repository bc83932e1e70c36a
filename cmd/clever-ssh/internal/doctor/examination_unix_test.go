//go:build unix

package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "match" { // the entries call this program, which has nothing to do here
		os.Exit(1)
	}
	os.Exit(test.InShortFolder(m.Run))
}

const (
	web  = config.Target("app_facade42-cafe-babe-cafe-deadf00dbaad")
	pair = "app_11111111-2222-3333-4444-555555555555"
)

// patient is a home in which something should be wrong, and a gateway that its settings name.
type patient struct {
	*testing.T
	dir   string
	g     *gateway.Gateway
	key   ssh.PublicKey
	alias string
}

func newPatient(t *testing.T, g *gateway.Gateway) *patient {
	t.Helper()
	p := &patient{T: t, dir: t.TempDir(), g: g}
	for name, value := range map[string]string{"HOME": p.dir, "XDG_CONFIG_HOME": filepath.Join(p.dir, ".config"), "PUTTYDIR": filepath.Join(p.dir, ".putty"),
		"SHELL": "/bin/sh", "SSH_AUTH_SOCK": "", "SUDO_USER": "", openssh.LookOnlyVariable: ""} {
		t.Setenv(name, value)
	}
	p.write(p.path("config"), fmt.Sprintf("Host *\n    IdentityFile %s\n    IdentitiesOnly yes\n", p.path("id")), 0o600)
	key, err := gateway.WriteUserKey(p.path("id"))
	p.must(err)
	p.key = key
	edit := p.gateway("clever", g.Addr(), 0, 1)
	edit.SSHConfig, edit.PuTTY, edit.Names = p.path("config"), config.PuTTYYes, map[config.Name]config.Target{"web": web}
	p.setup(edit)
	return p
}

func (p *patient) must(errs ...error) {
	p.Helper()
	if err := errors.Join(errs...); err != nil {
		p.Fatal(err)
	}
}

// path is a file in the home's .ssh.
func (p *patient) path(name string) string { return filepath.Join(p.dir, ".ssh", name) }

// settings is the path of clever-ssh.toml.
func (p *patient) settings() string {
	return filepath.Join(p.dir, ".config/clever-cloud/clever-ssh.toml")
}

// gateway returns an edit that sets a gateway's address, and pins these of the patient's own host keys.
func (p *patient) gateway(suffix, address string, keys ...int) config.Edit {
	p.Helper()
	g := gatewayAt(p.T, address)
	edit := config.Edit{Suffix: suffix, Address: g.Address}
	for _, i := range keys {
		pin, err := config.ParsePin(ssh.FingerprintSHA256(p.g.HostKeys[i].PublicKey()))
		p.must(err)
		edit.Pins = append(edit.Pins, pin)
	}
	return edit
}

// setup carries out an edit, without an ssh to ask: that would take longer than everything else.
func (p *patient) setup(edit config.Edit) {
	p.Helper()
	path, stdout, stderr := os.Getenv("PATH"), os.Stdout, os.Stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	p.must(err, os.Setenv("PATH", p.dir))
	os.Stdout, os.Stderr = null, null
	err = (&setup.Request{Edit: edit}).CarryOut()
	os.Stdout, os.Stderr = stdout, stderr
	p.must(err, null.Close(), os.Setenv("PATH", path))
}

// edit changes a file by a pattern that must be in it.
func (p *patient) edit(file, pattern, replacement string) {
	p.Helper()
	text, err := os.ReadFile(file)
	if err != nil || !regexp.MustCompile(pattern).Match(text) {
		p.Fatalf("%s: %v, nothing like %s in\n%s", file, err, pattern, text)
	}
	p.must(os.WriteFile(file, regexp.MustCompile(pattern).ReplaceAll(text, []byte(replacement)), 0o600))
}

func (p *patient) write(file, text string, mode os.FileMode) {
	p.Helper()
	p.must(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), mode), os.Chmod(file, mode))
}

// set sets a variable of the environment.
func (p *patient) set(name, value string) { p.Setenv(name, value) }

func (p *patient) keygen(args ...string) {
	p.Helper()
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		p.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
}

// onlyPrograms leaves scripts with these names on PATH.
func (p *patient) onlyPrograms(scripts map[string]string) {
	p.Helper()
	bin := filepath.Join(p.dir, "bin")
	p.must(os.MkdirAll(bin, 0o700))
	for name, text := range scripts {
		p.write(filepath.Join(bin, name), "#!/bin/sh\n"+text, 0o700)
	}
	p.set("PATH", bin)
}

// agent serves an agent with n keys, and returns the public half of one.
func (p *patient) agent(n int) (public string) {
	p.Helper()
	var keys []ed25519.PrivateKey
	for range n {
		key, _, line := newPublicKey(p.T)
		keys, public = append(keys, key), line
	}
	keyring := agent.NewKeyring()
	for i := range keys {
		p.must(keyring.Add(agent.AddedKey{PrivateKey: &keys[i], Comment: "a key\u009b31m"}))
	}
	serveAgent(p.T, keyring)
	return public
}

// giveAway gives a file to somebody else, and lets others read it. Only root can do that.
func (p *patient) giveAway(path string) {
	p.Helper()
	test.NeedRoot(p.T)
	p.must(os.Chown(path, 1, -1), os.Chmod(path, 0o444))
}

// lock makes a folder read-only.
func (p *patient) lock(path string) {
	p.Helper()
	if os.Geteuid() == 0 {
		p.Skip("root can write everywhere")
	}
	p.must(os.Chmod(path, 0o500))
	p.Cleanup(func() { os.Chmod(path, 0o700) })
}

// talker returns the address of a server that sends a text to everybody.
func talker(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, text)
			c.Close()
		}
	}()
	return l.Addr().String()
}

// examine runs a check, after those that find out what it needs.
func (p *patient) examine(check string) []finding {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), test.Patience)
	defer cancel()
	e := &examination{report: reportTo(new(bytes.Buffer), true), build: Build{Version: "v1.2.3"}, ssh: openssh.Find()}
	e.checkEnvironment(ctx)
	p.set(openssh.LookOnlyVariable, "1")
	errSettings, err := e.load()
	p.must(err)
	e.checkProgram()
	e.checkSettings(errSettings)
	e.checkAlias(p.alias)
	switch check {
	case "ssh", "plink":
		e.checkClients(ctx)
	case "files":
		e.checkFiles()
	case "Include", "options":
		e.checkInclude(ctx)
		e.checkOptions(ctx)
	case "name", "address", hostKeyCheck:
		e.checkGateways(ctx)
	case "clock":
		e.checkClock(time.Now())
	case "agent", "key", "keys":
		host := config.DefaultSuffix
		if len(e.gateways) > 0 {
			host = e.gateways[0].Suffix
		}
		e.sshOptions, _, err = e.ask(ctx, host)()
		p.must(err)
		e.checkKeys(ctx)
	case "PuTTY":
		e.checkPuTTY()
	}
	return e.findings
}

// everything returns the content of the home, with modes, times and contents.
func (p *patient) everything() map[string]string {
	p.Helper()
	all := map[string]string{}
	p.must(filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(path)
		}
		all[path] = fmt.Sprintf("%s %s %q", info.Mode(), info.ModTime(), text)
		return err
	}))
	return all
}

// For every check, something makes it fail or warn, with a hint. Whatever is wrong, nothing changes, and nobody
// logs in.
func TestExamination(t *testing.T) {
	test.Slow(t)
	test.Need(t, "ssh", "ssh-keygen", "plink")
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway.Gateway{HostKeys: keys}
	startGateway(t, g)
	for _, c := range []struct {
		title       string
		spoil       func(p *patient)
		check       string
		status      status
		found, hint string // patterns
	}{
		{"the program has gone", func(p *patient) {
			p.edit(p.path("clever/config"), `ProxyCommand \S+`, "ProxyCommand /nowhere/clever-ssh")
		},
			"program", statusFailed, `the entries call /nowhere/clever-ssh: no such file`, `run: clever-ssh setup`},
		{"no Include", func(p *patient) { p.edit(p.path("config"), `^Include.*\n`, "") }, "Include", statusFailed, `does not include the entries`, `clever-ssh setup`},
		{"a value changed in the entries", func(p *patient) { p.edit(p.path("clever/config"), `RequestTTY force`, "RequestTTY no") },
			"options", statusFailed, `requesttty is false, not force: \S+/clever/config line \d+`, `clever-ssh setup`},
		{"nobody listens", func(p *patient) { p.edit(p.settings(), `127\.0\.0\.1:\d+`, "127.0.0.1:1") }, "address", statusFailed, `connection refused`, ``},
		{"a host key that is not pinned", func(p *patient) { p.edit(p.settings(), `"SHA256:[^"]*", `, "") },
			"host key", statusFailed, `^host key SHA256:\S+ of \S+ is not pinned \(expected SHA256:\S+\)$`, `this is not the gateway that you pinned`},
		{"a key for everybody", func(p *patient) { p.must(os.Chmod(p.path("id"), 0o640)) }, "key", statusFailed, `others have access to .*/id \(mode 0640\)`, `^type: chmod 600 \S+/id$`},
		{"through a proxy", func(p *patient) {
			p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"http://"+talker(p.T, "HTTP/1.0 403 Forbidden\r\n\r\n")+"\"")
		}, "host key", statusFailed, `via http://127\.0\.0\.1:\d+: the proxy refused: "HTTP/1\.0 403 Forbidden`, `the via setting`},
		{"the program is another", func(p *patient) {
			p.write(filepath.Join(p.dir, "older"), "#!/bin/sh\n", 0o700)
			p.edit(p.path("clever/config"), `ProxyCommand \S+`, "ProxyCommand "+filepath.Join(p.dir, "older"))
		}, "program", statusWarning, `the entries call .*/older, and this is `, `run: clever-ssh setup`},
		{"no program in the entries", func(p *patient) { p.edit(p.path("clever/config"), `ProxyCommand \S+ proxy`, "ProxyCommand nc") },
			"entries", statusFailed, `does not call clever-ssh`, `run: clever-ssh setup`},
		{"no entries", func(p *patient) { p.must(os.RemoveAll(p.path("clever"))) }, "entries", statusFailed, `there are none in .*/clever/config`, `run: clever-ssh setup`},
		{"somebody else's entries", func(p *patient) { p.write(p.path("clever/config"), "Host *\n", 0o600) }, "entries", statusFailed, `is not one of clever-ssh's files`, `move it away`},
		{"entries of former settings", func(p *patient) { p.edit(p.settings(), `\[gateway.names\]|\[names\]`, "$0\nother = \"app_other\"") },
			"entries", statusFailed, `out of date with your settings: .*/clever/config`, `run: clever-ssh setup`},
		{"an edited entry", func(p *patient) { p.edit(p.path("clever/config"), `Host web.clever`, "Host wet.clever") },
			"entries", statusFailed, `out of date with your settings: .*/clever/config`, `run: clever-ssh setup`},
		{"entries of an earlier version", func(p *patient) {
			p.must(os.Rename(p.path("clever/match"), p.path("clever/match.conf")))
			p.edit(p.path("clever/config"), `clever/match"`, `clever/match.conf"`)
		}, "entries", statusFailed, `out of date with your settings: \S*/clever/match, \S*/clever/config, \S*/clever/match\.conf$`, `run: clever-ssh setup`},
		{"no client", func(p *patient) { p.onlyPrograms(nil) }, "ssh", statusFailed, `neither ssh nor plink`, `install OpenSSH`},
		{"an old ssh", func(p *patient) { p.onlyPrograms(map[string]string{"ssh": "echo OpenSSH_7.9p1 >&2"}) }, "ssh", statusWarning, `/ssh, OpenSSH_7\.9p1`, `OpenSSH 8\.0`},
		{"an ssh that does not run", func(p *patient) { p.onlyPrograms(map[string]string{"ssh": "exit 3"}) }, "ssh", statusFailed, `cannot be run: exit status 3`, ``},
		{"an old plink", func(p *patient) { p.onlyPrograms(map[string]string{"plink": "echo plink: Release 0.74; exit 1"}) }, "plink", statusWarning, `Release 0\.74`, `PuTTY 0\.75`},
		{"a plink that does not run", func(p *patient) { p.onlyPrograms(map[string]string{"plink": "exit 3"}) }, "plink", statusWarning, `cannot be run`, ``},
		{"broken settings", func(p *patient) { p.write(p.settings(), "ssh-config = 1\n", 0o600) }, "settings", statusFailed, `clever-ssh\.toml`, `fix that line`},
		{"a password for everybody", func(p *patient) {
			p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"socks5://me:secret@127.0.0.1:1\"")
			p.must(os.Chmod(p.settings(), 0o644))
		}, "settings", statusWarning, `contains a proxy's password`, `chmod 600 .*clever-ssh\.toml`},
		{"one instance", func(p *patient) { p.alias = "build.web.run.clever" }, "alias", statusOK, `^app_\S+, the build VM, through the bridge, at `, `^$`},
		{"an unknown alias", func(p *patient) { p.alias = "wep.clever" }, "alias", statusFailed, `unknown alias "wep\.clever"`, `did you mean web\.clever`},
		{"a variable that stayed", func(p *patient) { p.set(openssh.LookOnlyVariable, "1") }, "environment", statusFailed, openssh.LookOnlyVariable, `unset ` + openssh.LookOnlyVariable},
		{"another variable that stayed", func(p *patient) { p.set(openssh.KnownHostsVariable, "/nowhere") }, "environment", statusFailed, openssh.KnownHostsVariable, `unset ` + openssh.KnownHostsVariable},
		{"a file that others can write", func(p *patient) { p.must(os.Chmod(p.path("config"), 0o622)) }, "files", statusFailed, `others can write to .*/config \(mode 0622\)`, `chmod go-w .*/config`},
		{"entries that others can write", func(p *patient) { p.must(os.Chmod(p.path("clever/match"), 0o666)) }, "files", statusFailed, `others can write to .*/match\b`, `chmod go-w`},
		{"a bridge's key for everybody", func(p *patient) { p.must(os.Chmod(p.path("clever/bridge_key"), 0o644)) }, "files", statusFailed, `others have access to .*/bridge_key`, `chmod 600 `},
		{"a folder that others can write", func(p *patient) { p.must(os.Chmod(p.path("."), 0o777)) }, "files", statusFailed, `others can write to .*/\.ssh `, `chmod go-w`},
		{"a folder that the group can write", func(p *patient) { p.must(os.Chmod(p.path("."), 0o775)) }, "files", statusWarning, `others can write to .*/\.ssh .*the group`, `chmod go-w`},
		{"a mounted key", func(p *patient) { p.giveAway(p.path("id")) }, "key", statusOK, `not encrypted`, `^$`},
		{"entries that cannot be written", func(p *patient) { p.lock(p.path("clever")) }, "files", statusFailed, `connections cannot write to .*/clever: permission denied`, `chmod u\+wx .*/clever`},
		{"a file of somebody else's", func(p *patient) {
			test.NeedRoot(p.T)
			p.must(os.Chown(p.path("clever/match"), 65534, 65534))
		}, "files", statusFailed, `/match belongs to somebody else`, `sudo chown "\$\(id -un\)" .*/match$`},
		{"a folder in a file's place", func(p *patient) {
			p.must(os.MkdirAll(p.path("clever/known_hosts/x"), 0o700))
		}, "files", statusFailed, `known_hosts is a folder`, `move it away`},
		{"an Include in another file", func(p *patient) {
			p.write(p.path("more"), "Include "+p.path("clever/config")+"\n", 0o600)
			p.edit(p.path("config"), `^Include.*`, "Include "+p.path("mor*"))
		}, "Include", statusWarning, `^ssh finds the entries, but not through the first line`, `clever-ssh setup`},
		{"a late Include", func(p *patient) { p.edit(p.path("config"), `(?s)^(Include.*?\n)(.*)$`, "$2$1") }, "Include", statusFailed, `not the first one`, `clever-ssh setup`},
		{"no configuration", func(p *patient) { p.must(os.Remove(p.path("config")), os.Mkdir(p.path("config"), 0o700)) }, "Include", statusFailed, `.`, `must be readable`},
		{"a value before ours", func(p *patient) { p.edit(p.path("config"), `^`, "\n  StrictHostKeyChecking=no\n") },
			"options", statusFailed, `does not apply all the options of the entries; stricthostkeychecking is false, not true: \S+/\.ssh/config line 2`, `remove that line`},
		{"a value that we cannot set", func(p *patient) { p.edit(p.path("config"), `$`, "\nHost *\n    StdinNull yes\n") },
			"options", statusFailed, `stdinnull is yes, not no: \S+/\.ssh/config line \d`, `remove that line`},
		{"a tunnel that the gateway refuses", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    RemoteForward 9999 localhost:1\n    ExitOnForwardFailure yes\n")
		}, "options", statusFailed, `exitonforwardfailure is yes, not no: \S+/\.ssh/config line \d`, `remove that line`},
		{"a value that comes last", func(p *patient) { p.edit(p.path("config"), `$`, "\nMatch final\n    StdinNull yes\n") },
			"options", statusFailed, `stdinnull is yes, not no$`, `^look for stdinnull .* Match final`},
		{"a ProxyJump before ours", func(p *patient) { p.edit(p.path("config"), `^`, "ProxyJump bastion\n") },
			"options", statusFailed, `proxycommand is not set, not .*: \S+/\.ssh/config line 1`, `^remove that line`},
		{"a shell that is not there", func(p *patient) { p.alias = "web.clever"; p.set("SHELL", "/nowhere/sh") },
			"options", statusFailed, `^ssh refuses its configuration: Shell "/nowhere/sh" is not executable`, `^$`},
		{"a method that the bridge has not", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("config"), `^`, "KexAlgorithms diffie-hellman-group16-sha512\n")
		}, "options", statusFailed, `kexalgorithms is diffie-hellman-group16-sha512, not \S+: \S+/\.ssh/config line 1`, `^remove that line`},
		{"a method for all hosts", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    KexAlgorithms diffie-hellman-group16-sha512\n    Ciphers aes192-ctr\n")
		}, "options", statusOK, `^ssh applies the options of the entries \(\d+ checked\)$`, `^$`},
		{"a cipher that the bridge has not", func(p *patient) {
			p.alias = "web.run.clever"
			p.edit(p.path("config"), `^`, "Ciphers aes192-ctr\n")
		}, "options", statusFailed, `ciphers is aes192-ctr, not \S+: \S+/\.ssh/config line 1`, `^remove that line`},
		{"another target", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("clever/config"), `(RemoteCommand )app_facade\S*`, "${1}app_other")
		}, "options", statusFailed, `remotecommand is app_other, not app_facade`, `clever-ssh setup`},
		{"entries that ssh does not find", func(p *patient) { p.edit(p.path("config"), `^Include`, "Host nobody\nInclude") }, "options", statusFailed, `does not find the entries`, `clever-ssh setup`},
		{"a shell that is none", func(p *patient) { p.set("SHELL", "/bin/false") }, "environment", statusFailed, `\$SHELL, which is /bin/false and .* exit status 1`, `export SHELL=/bin/sh`},
		{"a shell that has gone", func(p *patient) { p.set("SHELL", "/nowhere/sh") }, "environment", statusFailed, `\$SHELL, which is /nowhere/sh and .*no such file`, `export SHELL=/bin/sh`},
		{"an unknown name", func(p *patient) { p.edit(p.settings(), `127\.0\.0\.1:\d+`, "gateway.invalid") }, "name", statusFailed, `.`, `is the network up`},
		{"a proxy that is unknown", func(p *patient) { p.edit(p.settings(), `suffix = .*`, "$0\nvia = \"http://proxy.invalid:1\"") },
			"name", statusFailed, `.`, `via setting in clever-ssh\.toml`},
		{"other host keys", func(p *patient) { p.edit(p.settings(), `SHA256:.`, "SHA256:_") }, "settings", statusFailed, `.`, `fix that line`},
		{"one kind of host key", func(p *patient) {
			p.alias = "web.clever"
			one := &gateway.Gateway{HostKeys: p.g.HostKeys[:1], Accounts: p.g.Accounts}
			p.must(one.Start("127.0.0.1:0"))
			p.Cleanup(func() { one.Close() })
			p.setup(p.gateway("clever", one.Addr(), 0))
		}, "host key", statusSkipped, `has none$`, `^$`},
		{"another gateway is down", func(p *patient) {
			p.setup(p.gateway("staging", "127.0.0.1:1", 0))
		}, "host key", statusSkipped, `^nothing can be reached`, `^$`},
		{"another gateway is down, but not asked for", func(p *patient) {
			p.alias = "web.clever"
			p.setup(p.gateway("staging", "127.0.0.1:1", 0))
		}, hostKeyCheck, statusOK, `, which is pinned$`, `^$`},
		{"no SSH", func(p *patient) {
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, talker(p.T, "HTTP/1.0 400 Bad Request\r\n\r\n"))
		}, "host key", statusFailed, `.`, `nothing of yours was sent`},
		{"files of the future", func(p *patient) {
			later := time.Now().Add(time.Hour)
			p.must(os.Chtimes(p.path("clever/config"), later, later))
		}, "clock", statusFailed, `it says .*, but .*/clever/config was written at `, `set the clock`},
		{"no agent", func(p *patient) { p.set("SSH_AUTH_SOCK", "/nowhere/agent") }, "agent", statusWarning, `/nowhere/agent does not answer: .*no such file`, `ssh-agent`},
		{"no agent where ssh is told to look", func(p *patient) { p.edit(p.path("config"), `$`, "\nHost *\n    IdentityAgent \"~/no agent\"\n") },
			"agent", statusWarning, `/no agent does not answer: `, `^IdentityAgent in your ssh configuration names it`},
		{"many keys", func(p *patient) { p.edit(p.path("config"), `IdentitiesOnly yes`, ""); p.agent(5) }, "keys", statusWarning, `ssh offers 6`, `--identity`},
		{"many keys, and settings and entries that cannot be read", func(p *patient) {
			p.write(p.settings(), "ssh-config = \""+p.path("config")+"\"\nnames = 1\n", 0o600)
			p.must(os.RemoveAll(p.path("clever")))
			p.edit(p.path("config"), `IdentitiesOnly yes`, "")
			p.agent(8)
		}, "keys", statusWarning, `ssh offers \d+`, `clever-ssh setup --identity`},
		{"many keys for another gateway", func(p *patient) {
			p.alias = "staging"
			p.setup(p.gateway("staging", p.g.Addr(), 0, 1))
			p.edit(p.path("config"), `IdentitiesOnly yes`, "")
			p.agent(5)
		}, "keys", statusWarning, `ssh offers 6`, `clever-ssh setup --suffix staging --identity`},
		{"few keys", func(p *patient) { p.edit(p.path("config"), `IdentitiesOnly yes`, ""); p.agent(4) }, "agent", statusOK, `with 4 keys$`, `^$`},
		{"nothing but a key for everybody", func(p *patient) { p.must(os.Chmod(p.path("id"), 0o644)) }, "keys", statusSkipped, `^ssh can use none of the keys above$`, `^$`},
		{"a key of PuTTY's", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    IdentityFile "+p.path("id.ppk")+"\n")
			p.write(p.path("id.ppk"), "PuTTY-User-Key-File-3: ssh-ed25519\n", 0o600)
		},
			"key", statusWarning, `a PuTTY key`, `--identity`},
		{"a public half beside no key", func(p *patient) {
			p.write(p.path("id.pub"), p.agent(1), 0o600)
			p.must(os.Remove(p.path("id")))
		}, "key", statusOK, `^ssh-ed25519, in the agent`, `^$`},
		{"tokens", func(p *patient) {
			p.must(os.Rename(p.path("id"), p.path("id-ssh-127.0.0.1")))
			p.edit(p.path("config"), `IdentityFile .*`, "IdentityFile "+p.path("id-%r-%h"))
		},
			"key", statusOK, `not encrypted`, `^$`},
		{"a token of this connection", func(p *patient) {
			p.must(os.Remove(p.path("id")))
			p.edit(p.path("config"), `IdentityFile .*`, "IdentityFile "+p.path("id-%C"))
		},
			"keys", statusSkipped, `only a login shows`, `^$`},
		{"another public half", func(p *patient) {
			p.keygen("-q", "-t", "ed25519", "-N", "", "-f", p.path("other"))
			p.must(os.Rename(p.path("other.pub"), p.path("id.pub")))
		},
			"key", statusFailed, `id\.pub, belongs to another key`, `ssh-keygen -y -f .*/id > .*/id\.pub`},
		{"another public half, encrypted", func(p *patient) {
			p.keygen("-q", "-t", "ed25519", "-N", "", "-f", p.path("other"))
			p.keygen("-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
			p.must(os.Rename(p.path("other.pub"), p.path("id.pub")))
		}, "key", statusFailed, `id\.pub, belongs to another key`, `ssh-keygen -y`},
		{"no key", func(p *patient) { p.write(p.path("id"), "nothing\n", 0o600) }, "key", statusFailed, `.`, `--identity`},
		{"none of the keys", func(p *patient) { p.must(os.Remove(p.path("id"))) }, "keys", statusFailed, `no key to offer`, `ssh-keygen -t ed25519`},
		{"an identity that has gone", func(p *patient) {
			p.write(p.path("mine"), "x", 0o600)
			p.setup(config.Edit{Suffix: "clever", Identity: p.path("mine")})
			p.must(os.Remove(p.path("mine")))
		}, "key", statusFailed, `.`, `--identity`},
		{"half a key", func(p *patient) {
			p.write(p.path("half.pub"), string(ssh.MarshalAuthorizedKey(p.key)), 0o600)
			p.setup(config.Edit{Suffix: "clever", Identity: p.path("half.pub")})
		}, "key", statusFailed, `only the public half`, `ssh-agent`},
		{"half a key and an agent with another", func(p *patient) {
			p.write(p.path("half.pub"), string(ssh.MarshalAuthorizedKey(p.key)), 0o600)
			p.setup(config.Edit{Suffix: "clever", Identity: p.path("half.pub")})
			p.agent(1)
		}, "key", statusFailed, `only the public half`, `^type: ssh-add .*/half$`},
		{"an encrypted key, and an agent", func(p *patient) {
			p.keygen("-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
			p.agent(0)
		}, "key", statusOK, `encrypted: ssh asks for its passphrase each time`, `ssh-add .*/id`},
		{"an encrypted key", func(p *patient) { p.keygen("-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id")) }, "key", statusOK, `encrypted: ssh asks for its passphrase each time; SHA256:\S+; MD5:`, `^$`},
		{"an encrypted key that does not tell", func(p *patient) {
			p.keygen("-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", p.path("old"))
			p.must(os.Rename(p.path("old"), p.path("id")), os.RemoveAll(p.path("id.pub")))
		}, "key", statusWarning, `its public half is neither in it nor beside it`, `ssh-keygen -y`},
		{"a session of the user's", func(p *patient) {
			p.write(filepath.Join(p.dir, ".putty/sessions/web.clever"), "HostName=mine\n", 0o600)
		}, "PuTTY", statusWarning, `yours, or were changed in PuTTY: web\.clever`, `delete them in PuTTY`},
	} {
		t.Run(c.title, func(t *testing.T) {
			p := newPatient(t, g)
			c.spoil(p)
			before := p.everything()
			met, failures := false, 0
			var all strings.Builder
			for _, f := range p.examine(c.check) {
				if f.Status == statusFailed {
					failures++
				}
				found := strings.Join(append([]string{f.Found}, f.Details...), "; ")
				met = met || f.Check == c.check && f.Status == c.status && regexp.MustCompile(c.found).MatchString(found) &&
					regexp.MustCompile(c.hint).MatchString(strings.Join(f.Hints, "\n"))
				fmt.Fprintf(&all, "%s %s: %s: %s %q\n", f.Status, f.Check, f.About, found, f.Hints)
			}
			if !met {
				t.Errorf("no %q of %q like %s, with a hint like %s:\n%s", c.status, c.check, c.found, c.hint, &all)
			}
			if c.status == statusOK && failures > 0 {
				t.Errorf("there are failures:\n%s", &all)
			}
			if strings.ContainsRune(all.String(), '\u009b') {
				t.Errorf("a terminal would obey this:\n%q", &all)
			}
			if diff := cmp.Diff(before, p.everything()); diff != "" {
				t.Errorf("the examination has changed what is there:\n%s", diff)
			}
		})
	}
	if attempts := g.Events().Attempts; len(attempts) > 0 {
		t.Errorf("somebody logged in: %v", attempts)
	}
}
