//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// puttyHome makes a home whose user has PuTTY, a key in PuTTY's own format, and a gateway.
func puttyHome(t *testing.T) (h *home, g *gateway.Gateway, key string) {
	t.Helper()
	test.Need(t, "plink", "puttygen")
	h = testHome(t)
	g = startGateway(t, h)
	key = filepath.Join(h.dir, "id.ppk")
	runs(t, h.command("puttygen", h.path("id"), "-O", "private", "-o", key))
	return h, g, key
}

// plink returns a plink that asks no questions, with input for the session.
func (h *home) plink(input string, args ...string) *exec.Cmd {
	cmd := h.command("plink", append([]string{"-batch"}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	return cmd
}

// endOfFile is Ctrl-D, which leaves the gateway's menu with the status menuLeft.
const (
	endOfFile = "\x04"
	menuLeft  = 1
)

// expectOutput runs a command, and checks its exit status and that its output matches a pattern.
func expectOutput(t *testing.T, cmd *exec.Cmd, status int, pattern string) {
	t.Helper()
	needProgram(t, cmd)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != status || !regexp.MustCompile(pattern).Match(out) {
		t.Errorf("%v: %v, want exit status %d and %q\n%s", cmd.Args, cmd.ProcessState, status, pattern, out)
	}
}

// expectSession checks the gateway's last session: its target, and that it has a terminal.
func expectSession(t *testing.T, g *gateway.Gateway, target string) {
	t.Helper()
	sessions := g.Events().Sessions
	if len(sessions) == 0 {
		t.Errorf("the gateway has seen no session")
	} else if s := sessions[len(sessions)-1]; s.Target != target || !s.TTY {
		t.Errorf("the session is %+v, want one with a terminal for %q", s, target)
	}
}

// session returns the path of one of PuTTY's saved sessions.
func (h *home) session(alias string) string { return filepath.Join(h.dir, ".putty/sessions", alias) }

// edit replaces what a pattern matches in a file.
func edit(t *testing.T, file, pattern, by string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := regexp.MustCompile(`(?m)`+pattern).ReplaceAll(text, []byte(by))
	if string(edited) == string(text) {
		t.Fatalf("%s has nothing that matches %s:\n%s", file, pattern, text)
	}
	if err := os.WriteFile(file, edited, 0o600); err != nil {
		t.Fatal(err)
	}
}

// If the gateway lets nobody in, the bridge ends the connection and says why: PuTTY waits for its
// proxy to end, and shows no banner before the login.
func TestBridgeRefused(t *testing.T) {
	t.Parallel()
	h, g, _ := puttyHome(t)
	h.setup(t, g, "web="+appWeb)
	os.Remove(h.path("id"))
	expectOutput(t, h.plink("", "web.run.clever", "ls"), 1, `(?s)Permission denied.*hint: .*registered in the console.*unexpectedly closed`)
}

// A saved session has everything that plink needs.
func TestSessions(t *testing.T) {
	t.Parallel()
	h, g, key := puttyHome(t)
	h.setup(t, g, "--identity", key, "web="+appWeb)
	for _, args := range [][]string{{"web.clever"}, {"-load", "web.clever"}} {
		expectOutput(t, h.plink("tty; echo $TERM; exit 6\n", args...), 6, `(?s)bas@.*/dev/pts/\d+\s.*xterm`)
		expectSession(t, g, appWeb)
	}
	expectOutput(t, h.plink(endOfFile, "clever"), menuLeft, `(?s)Acme.*Your choice`)
	expectSession(t, g, "")

	t.Run("its window is the terminal's", func(t *testing.T) {
		cmd := h.command("plink", "web.clever")
		terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 77})
		if err != nil {
			t.Fatal(err)
		}
		defer terminal.Close()
		var shown strings.Builder
		r := bufio.NewReader(io.TeeReader(terminal, &shown))
		for _, step := range []struct{ until, answer string }{
			{"begin session", "\r"}, // this is how PuTTY marks the end of its own prompts
			{"$ ", "stty size; exit 4\r"},
		} {
			if !readUntil(r, step.until) {
				t.Fatalf("%q was not shown:\n%s", step.until, shown.String())
			}
			io.WriteString(terminal, step.answer)
		}
		io.Copy(io.Discard, r)
		cmd.Wait()
		if !regexp.MustCompile(`33 77\r\n`).MatchString(shown.String()) || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%v:\n%s", cmd.ProcessState, shown.String())
		}
	})

	t.Run("with an agent", func(t *testing.T) {
		keyring := agent.NewKeyring()
		text, err := os.ReadFile(h.path("id"))
		if err != nil {
			t.Fatal(err)
		}
		private, err := ssh.ParseRawPrivateKey(text)
		if err == nil {
			err = keyring.Add(agent.AddedKey{PrivateKey: private})
		}
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(h.dir, "agent"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { agent.ServeAgent(keyring, c); c.Close() }()
			}
		}()
		public := filepath.Join(h.dir, "id.pub")
		if err := os.WriteFile(public, ssh.MarshalAuthorizedKey(h.key), 0o600); err != nil {
			t.Fatal(err)
		}
		runs(t, h.command("clever-ssh", "setup", "--identity", public))
		without := h.plink("exit 5\n", "web.clever")
		expectOutput(t, without, 1, "Cannot answer interactive prompts in batch mode") // the gateway offers a password
		with := h.plink("exit 5\n", "web.clever")
		with.Env = append(with.Env, "SSH_AUTH_SOCK="+l.Addr().String())
		expectOutput(t, with, 5, "bas@")
	})

	// As with ssh, a session whose target is no longer the one in the settings is refused.
	edit(t, filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml"), "^web = .*", `web = "app_other"`)
	seen := len(g.Events().Attempts)
	expectOutput(t, h.plink("exit 6\n", "web.clever"), 1, `clever-ssh: PuTTY's saved session web.clever still points to "`+appWeb+`"(?s:.*)hint: run: clever-ssh setup`)
	if n := len(g.Events().Attempts); n != seen {
		t.Errorf("%d authentication attempts", n-seen)
	}
}

// readUntil reads up to and including a text, and reports whether it came.
func readUntil(r *bufio.Reader, text string) bool {
	var seen strings.Builder
	for !strings.HasSuffix(seen.String(), text) {
		c, err := r.ReadByte()
		if err != nil {
			return false
		}
		seen.WriteByte(c)
	}
	return true
}

// PuTTY refuses a gateway with another host key without the proxy, and the proxy refuses it without
// PuTTY. The user is told why.
func TestSessionsRefuse(t *testing.T) {
	t.Parallel()
	h, g, key := puttyHome(t)
	h.setup(t, g, "--identity", key, "web="+appWeb)
	right := "SSHManualHostKeys=" + pinOf(g, 0) + "," + pinOf(g, 1)
	runs(t, h.command("clever-ssh", "setup", "--pin", pinOf(&gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)))

	edit(t, h.session("clever"), "^ProxyMethod=5$", "ProxyMethod=0") // PuTTY connects by itself
	expectOutput(t, h.plink("", "clever"), 1, "Host key not in manually configured list|Host key did not appear in manually configured list")
	edit(t, h.session("web.clever"), "^SSHManualHostKeys=.*", right)
	expectOutput(t, h.plink("", "web.clever"), 1, `clever-ssh: host key SHA256:\S+ of \S+ is not pinned(?s:.*)hint: `)
	if seen := g.Events().Attempts; len(seen) > 0 {
		t.Errorf("a gateway that is not pinned has seen %v", seen)
	}

	edit(t, filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml"), "^web = .*\n", "")
	expectOutput(t, h.plink("", "web.clever"), 1, `(?s)clever-ssh: unknown alias "web.clever".*disconnect message`)

	// Without a saved session, PuTTY shows the text of a DISCONNECT before keys are exchanged.
	// After that, with strict key exchange, it shows only the number. It shows the proxy's stderr
	// under -v.
	plain := []string{"-ssh", "-v", "-t", "-i", key, "-hostkey", pinOf(g, 0), "-proxycmd"}
	expectOutput(t, h.plink("", append(plain[1:], "clever-ssh proxy nosuch.clever", "ssh@gateway")...), 1, `(?s)disconnect message.*unknown alias "nosuch.clever"`)
	expectOutput(t, h.plink("", append(plain, "clever-ssh proxy clever", "ssh@gateway")...), 1, `clever-ssh: host key SHA256:\S+ of \S+ is not pinned`)
}

// The line that putty --print prints works as it is, for names, ids and the menu. PuTTY looks up no
// host: only the proxy on the way knows this gateway's name.
func TestPrintedPlink(t *testing.T) {
	t.Parallel()
	h, g, key := puttyHome(t)
	via := httptestConnect(t, g.Addr())
	settings := filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "[[gateway]]\naddress = %q\npins = [%q, %q]\nvia = %q\nidentity = %q\n", "ssh@gateway.invalid:2022", pinOf(g, 0), pinOf(g, 1), "http://"+via, key)
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, h.command("clever-ssh", "setup", "web="+appWeb))
	expectOutput(t, h.plink("exit 6\n", "web.clever"), 6, "bas@")
	for alias, target := range map[string]string{"web.clever": appWeb, appWeb + ".clever": appWeb, instanceWeb + ".clever": instanceWeb, "clever": ""} {
		line := runs(t, h.command("clever-ssh", "putty", "--print", alias))
		batch, ok := strings.CutPrefix(line, "plink -ssh -a -x -t ")
		if !ok || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: not a line of plink: %s", alias, line)
			continue
		}
		cmd := h.command("sh", "-c", "plink -batch -ssh -a -x -t "+batch)
		cmd.Stdin = strings.NewReader("exit 6\n")
		if target == "" {
			cmd.Stdin = strings.NewReader(endOfFile)
			expectOutput(t, cmd, menuLeft, "Your choice")
		} else {
			expectOutput(t, cmd, 6, "bas@")
		}
		expectSession(t, g, target)
	}
}

// A gateway on this machine is reached through the proxy too. By itself, PuTTY would use no proxy
// for it.
func TestPrintedPlinkForThisMachine(t *testing.T) {
	t.Parallel()
	h, g, key := puttyHome(t)
	h.setup(t, g, "--identity", key)
	line := strings.TrimSpace(runs(t, h.command("clever-ssh", "putty", "--print", "clever")))
	for _, pattern := range []string{"Your choice", "clever-ssh: host key "} { // then the settings have another pin, but not the line
		cmd := h.command("sh", "-c", strings.Replace(line, "plink ", "plink -batch -v ", 1))
		cmd.Stdin = strings.NewReader(endOfFile)
		expectOutput(t, cmd, menuLeft, pattern) // also PuTTY's status for a failure
		runs(t, h.command("clever-ssh", "setup", "--pin", pinOf(&gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)))
	}
}

// httptestConnect starts an HTTP proxy that connects to an address when asked for
// gateway.invalid:2022, and refuses everything else.
func httptestConnect(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "gateway.invalid:2022" {
			http.Error(w, r.Method+" "+r.Host, http.StatusForbidden)
			return
		}
		far, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		near, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			far.Close()
			return
		}
		io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(far, read); far.(*net.TCPConn).CloseWrite() }()
		io.Copy(near, far)
		near.Close()
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}
