//go:build unix

package main

import (
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

// The statuses of a check in JSON.
const statusOK, statusWarning, statusFailed, statusSkipped = "ok", "warning", "failed", "skipped"

// reported is a check in the JSON of doctor.
type reported struct {
	Check, About, Status, Found string
	Details, Hints              []string
}

// patient is a home in which something should be wrong.
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

// settings returns the path of clever-ssh.toml.
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

// agent serves an agent with n keys.
func (p *patient) agent(n int) {
	p.t.Helper()
	path := filepath.Join(test.SocketFolder(p.t), "agent")
	l, err := net.Listen("unix", path)
	must(p.t, err)
	p.t.Cleanup(func() { l.Close() })
	keyring := agent.NewKeyring()
	for range n {
		key, _ := test.NewKey(p.t)
		must(p.t, keyring.Add(agent.AddedKey{PrivateKey: &key, Comment: "a key\u009b31m"}))
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.t.Cleanup(func() { c.Close() })
			go agent.ServeAgent(keyring, c)
		}
	}()
	p.set("SSH_AUTH_SOCK", path)
}

// The tests of package doctor check what can be wrong, and what doctor says about it. These check what only a
// login shows, what needs the program itself or has to be waited for, and one thing of each kind. Whatever is
// wrong, doctor changes nothing.
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
		{"a command", func(p *patient) { p.alias = "web.clever" }, "session", statusOK, `^commands run there$`, `^$`},
		{"a key of another account", func(p *patient) {
			p.alias = "web.clever"
			other := &gateway.Gateway{HostKeys: p.g.HostKeys, Accounts: append(p.g.Accounts, gateway.Account{Keys: []ssh.PublicKey{p.newKey()}})}
			must(p.t, other.Start("127.0.0.1:0"))
			p.t.Cleanup(func() { other.Close() })
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, other.Addr())
			p.run("clever-ssh", "setup")
			p.g = other
		}, "session", statusFailed, `^the gateway refuses: .*no instances you can ssh to`, `is your SSH key registered with the application's account`},
		{"several instances", func(p *patient) { p.alias = appPair + ".clever" }, "session", statusOK, `commands run there`, `^$`},
		{"an instance by its number", func(p *patient) { p.run("clever-ssh", "setup", "pair="+appPair); p.alias = "1.pair.clever" }, "session", statusOK, `commands run there`, `^$`},
		{"an instance that there is not", func(p *patient) { p.alias = "7." + appPair + ".clever" }, "session", statusFailed, `has no instance 7`, `clever-ssh instances `},
		{"a slow way", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, delayed(p.t, p.g.Addr(), 900*time.Millisecond))
			p.run("clever-ssh", "setup")
		}, "host key", statusWarning, `^SHA256:\S+, which is pinned; it arrived after \d+ ms$`, `^the network is slow`},
		{"the menu", func(p *patient) { p.alias = "clever" }, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"an id", func(p *patient) { p.alias = appPair + ".clever" }, "options", statusOK, `^ssh applies the options of the entries \(\d+ checked\)$`, `^$`},
		{"a run alias", func(p *patient) { p.alias = "web.run.clever" }, "login", statusOK, `^the gateway lets you in`, `^$`},
		{"a slow configuration", func(p *patient) { p.edit(p.path("config"), `$`, "\nMatch exec \"sleep 20\"\n") },
			"options", statusFailed, `^ssh did not finish reading its configuration within 6s: is a Match exec`, ``},
		{"a broken configuration", func(p *patient) { p.edit(p.path("config"), `$`, "\nNoSuchOption yes\n") },
			"options", statusFailed, `ssh refuses its configuration: .*line \d+: Bad configuration option: nosuchoption`, ``},
		{"a shell that does not run", func(p *patient) { p.alias = appPair + ".clever"; p.set("SHELL", "/bin/false") },
			"options", statusFailed, "`clever-ssh match direct` did not answer", `with \$SHELL, which is /bin/false`},
		{"a firewall", func(p *patient) {
			p.edit(p.settings(), `127\.0\.0\.1:\d+`, fmt.Sprintf("127.0.0.1:%d", test.BlackHole(p.t, "127.0.0.1", 0)))
		}, "address", statusFailed, `no answer within`, ``},
		{"a key that never ends", func(p *patient) {
			p.edit(p.path("config"), `$`, "\nHost *\n    IdentityFile "+p.path("pipe")+"\n")
			must(p.t, syscall.Mkfifo(p.path("pipe"), 0o600))
		},
			"key", statusFailed, `no answer within`, `--identity`},
		{"a key that nobody knows", func(p *patient) { p.alias = "web.clever"; p.newKey() }, "login", statusFailed, `knows none of the keys that ssh offered; .*/id ED25519 SHA256:`, `register`},
		{"a passphrase and no agent", func(p *patient) {
			p.alias = "web.clever"
			p.run("ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", p.path("id"))
		}, "login", statusOK, `^the gateway knows .*/id ED25519 SHA256:\S+; ssh will ask for its passphrase$`, `^$`},
		{"a passphrase, and no public half", func(p *patient) {
			p.alias = "web.clever"
			p.run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", p.path("old"))
			must(p.t, os.Rename(p.path("old"), p.path("id")), os.RemoveAll(p.path("id.pub")))
		}, "login", statusSkipped, `^ssh will ask for the passphrase of .*/id, which doctor never does$`, `^$`},
		{"too many keys", func(p *patient) {
			p.alias = "web.clever"
			p.edit(p.path("config"), `(?s)IdentityFile .*`, "")
			p.agent(8)
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
		{"a session that has gone", func(p *patient) { must(p.t, os.Remove(filepath.Join(p.dir, ".putty/sessions/web.clever"))) }, "PuTTY", statusFailed, `out of date with your settings: web\.clever`, `run: clever-ssh setup`},
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
			if seen := p.g.Events(); p.alias == "" && len(seen.Attempts) > 0 || len(seen.Sessions) > 2 || len(seen.Sessions) > 0 && c.check == "login" && c.status == statusSkipped {
				t.Errorf("%v went farther than it should: %+v", cmd.Args, seen)
			}
			if after := everything(t, h.dir); after != before {
				t.Errorf("%v has changed what is there:\n%s\nand was\n%s", cmd.Args, after, before)
			}
		})
	}
}

// Whatever hangs, even if no deadline helps, doctor ends.
func TestDoctorEnds(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	p := &patient{home: h, t: t, g: startGateway(t, h)}
	h.setup(t, p.g, "web="+appWeb)
	p.edit(p.path("clever/config"), `\S*/clever-ssh `, filepath.Join(p.dir, "bin/clever-ssh "))
	p.onlyPrograms(map[string]string{"ssh": `case $1 in -Q) exec /bin/sleep 1000;; *) echo OpenSSH_9.9p1 >&2;; esac`})
	begin := time.Now()
	out, err := h.command("clever-ssh", "doctor").Output()
	if took := time.Since(begin); err == nil || took > test.Patience || !matches(`(?m)^FAIL  time +the next check did not finish`, string(out)) {
		t.Errorf("%v after %v:\n%s", err, took, out)
	}
}

// Colours are for a terminal, and for people who ask for them.
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

// everything returns the content of a folder, with modes, times and contents.
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

// talker returns the address of a server that sends a text to everybody, or nothing if it is empty.
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

// delayed returns the address of a relay to another address that delays everything, both ways.
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
