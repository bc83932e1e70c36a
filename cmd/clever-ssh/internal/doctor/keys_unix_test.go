//go:build unix

package doctor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// newPublicKey makes a key, and returns it with the line of its public half.
func newPublicKey(t *testing.T) (key ed25519.PrivateKey, public ssh.PublicKey, line string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err = ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key, public, string(ssh.MarshalAuthorizedKey(public))
}

// keyFiles is a folder with key files of every kind, and an ssh-keygen that knows them: "open" is not
// encrypted, "locked" is, and "old" is encrypted and does not tell its public half.
type keyFiles struct {
	t    *testing.T
	dir  string
	ssh  openssh.SSH
	key  ed25519.PrivateKey
	line string // of the public half
	sha  string // its fingerprint
}

func newKeyFiles(t *testing.T) *keyFiles {
	t.Helper()
	f := &keyFiles{t: t, dir: t.TempDir()}
	var public ssh.PublicKey
	f.key, public, f.line = newPublicKey(t)
	f.sha = ssh.FingerprintSHA256(public)
	// The file's text tells its kind. The last argument is its path.
	f.write("ssh-keygen", `#!/bin/sh
for path; do :; done
read kind < "$path"
case "$1 $kind" in
"-y open") echo '`+strings.TrimSpace(f.line)+`' ;;
"-y locked" | "-y old") echo "incorrect passphrase supplied to decrypt private key" >&2; exit 255 ;;
"-l locked") case $3 in sha256) echo "256 `+f.sha+` me@here (ED25519)" ;; md5) echo "256 MD5:00:11 me@here (ED25519)" ;; esac ;;
*) echo "Load key: invalid format" >&2; exit 255 ;;
esac
`, 0o700)
	t.Setenv("PATH", f.dir)
	f.ssh = openssh.SSH(filepath.Join(f.dir, "ssh"))
	return f
}

func (f *keyFiles) write(name, text string, mode os.FileMode) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		f.t.Fatal(err)
	}
}

// serveAgent serves an agent with the key, and names it in the environment.
func (f *keyFiles) serveAgent() {
	f.t.Helper()
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: &f.key, Comment: "me@here"}); err != nil {
		f.t.Fatal(err)
	}
	serveAgent(f.t, keyring)
}

// serveAgent serves an agent, and names it in the environment.
func serveAgent(t *testing.T, keyring agent.Agent) {
	t.Helper()
	dir := test.SocketFolder(t)
	l, err := net.Listen("unix", filepath.Join(dir, "agent"))
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
			go agent.ServeAgent(keyring, c)
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "agent"))
}

// check runs the key checks for an ssh that would offer these files.
func (f *keyFiles) check(options string, names ...string) (e *examination, lines []string) {
	f.t.Helper()
	e = &examination{report: reportTo(new(bytes.Buffer), false), ssh: f.ssh, layout: sshconfig.Layout{UserFile: filepath.Join(f.dir, "config")},
		gateways: []*config.Gateway{{Suffix: "clever"}}, sshOptions: "user ssh\n" + options}
	for _, name := range names {
		e.sshOptions += "identityfile " + filepath.Join(f.dir, name) + "\n"
	}
	e.checkKeys(context.Background())
	for _, found := range e.findings {
		text := fmt.Sprintf("%s %s: %s %q", found.Status, found.Check, found.Found, found.Hints)
		lines = append(lines, strings.ReplaceAll(text, f.dir, "DIR"))
	}
	return e, lines
}

func TestKeyFiles(t *testing.T) {
	f := newKeyFiles(t)
	_, _, otherLine := newPublicKey(t)
	f.write("open", "open\n", 0o600)
	f.write("locked", "locked\n", 0o600)
	f.write("old", "old\n", 0o600)
	f.write("old-named", "old\n", 0o600)
	f.write("old-named.pub", f.line, 0o644)
	f.write("mixed", "open\n", 0o600)
	f.write("mixed.pub", otherLine, 0o644)
	f.write("shared", "open\n", 0o644)
	f.write("broken", "anything\n", 0o600)
	f.write("putty.ppk", "PuTTY-User-Key-File-3\n", 0o600)
	f.write("alone.pub", f.line, 0o644)
	const none, noAgent = "failed keys: ssh has no key to offer .*", `ok agent: none is used \[\]`
	for _, c := range []struct {
		name   string
		want   []string
		locked bool
	}{
		{"open", []string{`ok key: DIR/open: ssh-ed25519, not encrypted \[\]`}, false},
		{"locked", []string{`ok key: DIR/locked: ED25519, encrypted: ssh asks for its passphrase each time \[\]`}, true},
		{"old-named", []string{`ok key: DIR/old-named: ssh-ed25519, encrypted: ssh asks for its passphrase each time \[\]`}, true},
		{"old", []string{`warning key: DIR/old: it is encrypted, and its public half is neither in it nor beside it \["type: ssh-keygen -y -f DIR/old > DIR/old\.pub"\]`, none}, true},
		{"mixed", []string{`failed key: DIR/mixed: the public half beside it, DIR/mixed\.pub, belongs to another key \["type: ssh-keygen -y .*"\]`, none}, false},
		{"shared", []string{`failed key: DIR/shared: others have access to DIR/shared \(mode 0644\) \["type: chmod 600 DIR/shared"\]`, `skipped keys: ssh can use none of the keys above \[\]`}, false},
		{"broken", []string{`failed key: DIR/broken: Load key: invalid format \["ssh cannot use it; .*"\]`, none}, false},
		{"putty.ppk", []string{`warning key: DIR/putty\.ppk: a PuTTY key, which ssh cannot use .*`, none}, false},
		{"alone.pub", []string{`failed key: DIR/alone\.pub: ssh-ed25519: only the public half, and no agent holds the private one \["start it, .*"\]`, none}, false},
		{"absent", []string{none}, false},
		{"absent-%C", []string{`skipped keys: ssh has no keys to offer except those that only a login shows \[\]`}, false},
	} {
		e, lines := f.check("identityagent none\n", c.name)
		matchLines(t, c.name, lines, append([]string{noAgent}, c.want...)...)
		if (len(e.locked) > 0) != c.locked {
			t.Errorf("%s: locked are %q", c.name, e.locked)
		}
	}
}

// Keys in the agent need neither a private file nor a passphrase.
func TestKeysInAgent(t *testing.T) {
	f := newKeyFiles(t)
	f.serveAgent()
	f.write("locked", "locked\n", 0o600)
	f.write("alone.pub", f.line, 0o644)
	f.write("private-elsewhere.pub", f.line, 0o644)
	_, _, otherLine := newPublicKey(t)
	f.write("other.pub", otherLine, 0o644)
	const held = `ok key: in the agent: ssh-ed25519, me@here \[\]`
	for name, want := range map[string]string{
		"locked":            `ok key: DIR/locked: ED25519, in the agent \[\]`,
		"alone.pub":         `ok key: DIR/alone\.pub: ssh-ed25519, in the agent \[\]`,
		"private-elsewhere": `ok key: DIR/private-elsewhere: ssh-ed25519, in the agent \[\]`,
		"other.pub":         `failed key: DIR/other\.pub: .*: only the public half, and no agent holds the private one \["type: ssh-add DIR/other"\]`,
	} {
		e, lines := f.check("", name)
		matchLines(t, name, lines, `ok agent: .*/agent, with 1 key \[\]`, held, want)
		if len(e.locked) > 0 {
			t.Errorf("%s: locked are %q", name, e.locked)
		}
	}
	_, lines := f.check("identitiesonly yes\n")
	matchLines(t, "files only", lines, `ok agent: .*`, held, `failed keys: ssh has no key to offer .*`)
}

func TestNoAgent(t *testing.T) {
	f := newKeyFiles(t)
	f.write("open", "open\n", 0o600)
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(f.dir, "gone"))
	_, lines := f.check("", "open")
	matchLines(t, "no agent", lines, `warning agent: DIR/gone does not answer: .* \["start it, .*"\]`, `ok key: DIR/open: .*`)
	_, lines = f.check("identityagent "+filepath.Join(f.dir, "mine")+"\n", "open")
	matchLines(t, "no agent of ours", lines, `warning agent: DIR/mine does not answer: .* \["IdentityAgent in your ssh configuration names it: .*"\]`, `ok key: DIR/open: .*`)
}

// A server hangs up before it has seen all of many keys.
func TestManyKeys(t *testing.T) {
	f := newKeyFiles(t)
	f.serveAgent()
	var names []string
	for i := range maxTries {
		_, _, line := newPublicKey(t)
		name := fmt.Sprintf("key%d", i)
		f.write(name, "old\n", 0o600)
		f.write(name+".pub", line, 0o644)
		names = append(names, name)
	}
	e, lines := f.check("", names...)
	if want := "warning keys: ssh offers 6 keys, one after the other, and a server hangs up at the sixth "; !strings.HasPrefix(lines[len(lines)-1], want) || len(e.locked) != maxTries {
		t.Errorf("%s\nlocked: %q", strings.Join(lines, "\n"), e.locked)
	}
}
