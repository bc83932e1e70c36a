//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"github.com/creack/pty"
)

const promptPattern = `bas@` + instanceWeb + ` ~ \$ `

// A person at a terminal gets a terminal on the far side too. Its size is right and follows
// changes, and the exit status comes back.
func TestTerminal(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		term := start(t, h.command("ssh", appWeb+".clever"))
		term.expect(t, promptPattern)
		term.send(t, "tty; stty size\n")
		term.expect(t, `/dev/pts/\d+\r\n33 101\r\n`)
		term.expect(t, promptPattern)
		if err := pty.Setsize(term.File, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
			t.Fatal(err)
		}
		// The change is sent apart from the input, so ask until it has arrived.
		term.send(t, "until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; echo resi''zed\n")
		term.expect(t, `resized\r\n`)
		term.expect(t, promptPattern)
		term.send(t, "exit 5\n")
		if got := term.status(t); got != 5 {
			t.Errorf("exit status %d, want 5", got)
		}
	})
}

// Ctrl-C reaches the far side, and ssh's own escape still works.
func TestTerminalKeys(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		term := start(t, h.command("ssh", "web.clever"))
		term.expect(t, promptPattern)
		term.send(t, "sh -c 'echo run\"\"ning; exec sleep 1000'\n")
		term.expect(t, `running\r\n`)
		term.send(t, "\x03")
		term.expect(t, promptPattern)
		term.send(t, "\n~.")
		term.status(t)
		expectGone(t, h)
	})
}

// The far side has a terminal even if this side has none.
func TestStdinIsNoTerminal(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		cmd := h.command("ssh", "web.clever")
		cmd.Stdin = strings.NewReader("tty; exit 3\n")
		out, _ := cmd.Output()
		if !regexp.MustCompile(`/dev/pts/\d+\r\n`).Match(out) || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("a pipe as stdin: %v\n%s", cmd.ProcessState, out)
		}
		// With /dev/null nobody can type exit. The prompt shows that there is a terminal.
		cmd = h.command("ssh", "web.clever")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		found := make(chan bool, 1)
		go func() {
			var seen []byte
			for b := make([]byte, 256); ; {
				n, err := stdout.Read(b)
				if seen = append(seen, b[:n]...); bytes.Contains(seen, []byte("bas@"+instanceWeb)) || err != nil {
					found <- err == nil
					return
				}
			}
		}()
		if !test.Within(t, "a prompt with /dev/null as stdin", found) {
			t.Error("no prompt with /dev/null as stdin")
		}
	})
}

// A stream of 24 MB arrives unchanged, in each direction.
func TestStreams(t *testing.T) {
	needPrograms(t)
	t.Parallel()
	const size = 24 << 20 // more than all buffers on the way hold
	file := filepath.Join(t.TempDir(), "data")
	sum := sha256.New()
	f, err := os.Create(file)
	if err == nil {
		_, err = io.CopyN(io.MultiWriter(f, sum), rand.Reader, size)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sum.Sum(nil))
	eachServer(t, func(t *testing.T, h *home) {
		data, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		up := h.command("ssh", "-T", "web.clever")
		up.Stdin = io.MultiReader(strings.NewReader(fmt.Sprintf("head -c %d | sha256sum\n", size)), data)
		if out := runs(t, up); !strings.Contains(out, want) {
			t.Errorf("up: want %s, got\n%s", want, out)
		}
		down := h.command("ssh", "-T", "web.clever")
		down.Stdin = strings.NewReader("echo BEGIN; cat '" + file + "'\n")
		out, err := down.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := down.Start(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out)
		if err := down.Wait(); err != nil {
			t.Error(err)
		}
		_, got, _ = bytes.Cut(got, []byte("BEGIN\n"))
		if sum := fmt.Sprintf("%x", sha256.Sum256(got)); err != nil || sum != want {
			t.Errorf("down: %d bytes with sum %s (%v), want %d with %s", len(got), sum, err, size, want)
		}
	})
}

// direct returns the target of direct alias i.
func direct(i int) string { return fmt.Sprintf("app_number-%d", i) }

// Eight connections at once, first to eight direct aliases, then all to the same one, each
// reach their own target. Meanwhile ssh still reads its configuration for other hosts.
func TestManyAliasesAtOnce(t *testing.T) {
	t.Parallel()
	const many = 8
	h := testHome(t)
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	organisation := gateway.Organisation{Name: "Many"}
	for i := range many {
		organisation.Applications = append(organisation.Applications, gateway.Application{
			Name: direct(i), ID: direct(i),
			Instances: []gateway.Instance{{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), Name: "Sleepy Ponita"}},
		})
	}
	g := &gateway.Gateway{HostKeys: keys, AnyKey: &gateway.Account{Organisations: []gateway.Organisation{organisation}}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	h.setup(t, g)

	stop := make(chan struct{})
	var looping sync.WaitGroup
	looping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if out, err := h.command("ssh", "-G", "otherhost").CombinedOutput(); err != nil {
				t.Errorf("ssh -G otherhost: %v\n%s", err, out)
				return
			}
		}
	})
	for _, target := range []func(i int) string{direct, func(int) string { return direct(7) }} {
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				cmd := h.command("ssh", target(i)+".clever")
				cmd.Stdin = strings.NewReader("echo id=$APP_ID; exit\n")
				out, err := cmd.CombinedOutput()
				if want := "id=" + target(i) + "\r\n"; err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%s: %v\n%s", target(i), err, out)
				}
			})
		}
		all.Wait()
	}
	close(stop)
	looping.Wait()
	for _, s := range g.Events().Sessions {
		if !strings.HasPrefix(s.Target, "app_number-") {
			t.Errorf("a session for %q", s.Target)
		}
	}
}

// Whatever the user's own Host * says, an alias connects through the proxy to its target, with a
// terminal.
func TestUsersHostStar(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"multiplexing": "ControlMaster auto\nControlPersist 60\nControlPath %SOCKETS/%C",
		"canonical":    "CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeMaxDots 5",
		"dns":          "VerifyHostKeyDNS yes",
		"fdpass":       "ProxyUseFdpass yes",
		"command":      "RemoteCommand uptime",
		"tunnel":       "Tunnel yes",
		"no keys":      "PubkeyAuthentication no\nPasswordAuthentication yes",
		"anything":     "RequestTTY no\nUser nobody\nPort 1\nStrictHostKeyChecking no\nHostKeyAlgorithms ecdsa-sha2-nistp256\nForwardAgent yes\nForwardX11 yes\nProxyJump jump.invalid\nHostKeyAlias x\nUserKnownHostsFile /dev/null\nUpdateHostKeys yes\nPreferredAuthentications password",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			appendFile(t, h.path("config"), "Host *\n"+strings.ReplaceAll(lines, "%SOCKETS", sockets(t))+"\n")
			g := startGateway(t, h)
			h.setup(t, g, "web="+appWeb)
			for _, alias := range []string{"web.clever", appWeb + ".clever"} {
				cmd := h.command("ssh", alias)
				cmd.Stdin = strings.NewReader("tty; exit\n")
				if out := runs(t, cmd); !strings.Contains(out, "/dev/pts/") {
					t.Errorf("%s has no terminal:\n%s", alias, out)
				}
			}
			for _, s := range g.Events().Sessions {
				if s.Target != appWeb {
					t.Errorf("a session for %q", s.Target)
				}
			}
		})
	}
}

// A master connection that the user already has to the gateway is not used, because it has not been
// checked.
func TestUsersMasterIsNotShared(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	path := filepath.Join(sockets(t), "%r@%h:%p")
	appendFile(t, h.path("config"), "Host *\nControlMaster auto\nControlPersist 60\nControlPath "+path+"\n")
	g := startGateway(t, h)
	host, port, _ := net.SplitHostPort(g.Addr())
	master := h.command("ssh", append(test.SSHOptions(test.AnyHostKey), "-fN", "-p", port, "ssh@"+host)...)
	if out, err := master.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer h.command("ssh", "-O", "exit", "-p", port, "ssh@"+host).Run()
	h.setup(t, g, "web="+appWeb)
	cmd := h.command("ssh", "web.clever")
	cmd.Stdin = strings.NewReader("exit\n")
	runs(t, cmd)
	if n := g.Events().Connections; n != 2 {
		t.Errorf("%d connections, want the master's and another", n)
	}

	// The user still sees a refusal: with hints at a terminal, and as ssh's own message without
	// one.
	other := pinOf(&gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)
	runs(t, h.command("clever-ssh", "setup", "--pin", other))
	term := start(t, h.command("ssh", "web.clever"))
	term.expect(t, `clever-ssh: host key SHA256:\S+ of \S+ is not pinned`)
	term.expect(t, `hint: `)
	term.status(t)
	quiet := h.command("ssh", "-o", "ControlPath="+filepath.Join(sockets(t), "s"), "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "web.clever")
	quiet.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := quiet.CombinedOutput()
	if err == nil || !regexp.MustCompile(`Received disconnect from .*: clever-ssh: host key SHA256:\S+ of \S+ is not pinned.*nothing of yours was sent`).Match(out) {
		t.Errorf("without a terminal and with a persistent master: %v\n%s", err, out)
	}
}

// A black-holed address before a good one costs a moment, not the connection.
func TestBlackHoledAddress(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	// A name with two addresses needs its own hosts file, and that needs a mount namespace.
	hosts := filepath.Join(h.dir, "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.2 gateway.test\n127.0.0.9 gateway.test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inNamespace := func(args ...string) *exec.Cmd {
		return h.command("unshare", append([]string{"-m", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}, args...)...)
	}
	needs(t, "a mount namespace", inNamespace("true"))
	g := &gateway.Gateway{HostKeys: mustKeys(hostKeys), Accounts: []gateway.Account{account(h.key)}}
	if err := g.Start("127.0.0.9:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	_, port, _ := net.SplitHostPort(g.Addr())
	blackHole(t, "127.0.0.2:"+port)
	h.setup(t, g)
	runs(t, h.command("clever-ssh", "setup", "--gateway", "ssh@gateway.test:"+port))
	cmd := inNamespace("ssh", appWeb+".clever")
	cmd.Stdin = strings.NewReader("exit\n")
	runs(t, cmd)
}

// If the gateway dies in the middle of a session, the session ends with a message, and no process
// is left.
func TestGatewayDies(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g)
	term := start(t, h.command("ssh", appWeb+".clever"))
	term.expect(t, promptPattern)
	g.Close()
	term.expect(t, `clever-ssh: the connection was lost: `)
	if term.status(t) != 255 {
		t.Errorf("exit status %d", term.cmd.ProcessState.ExitCode())
	}
	expectGone(t, h)
}

// A master connection that the user asks for outlives the window it was started from: its helper
// has left the terminal.
func TestPersistentMasterOutlivesItsWindow(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g)
	socket := filepath.Join(sockets(t), "master")
	alias := appWeb + ".clever"
	// As in a window, a shell leads the session of the terminal.
	term := start(t, h.command("sh", "-c", "ssh -M -S "+socket+" -o ControlPersist=60 "+alias+"; exit"))
	term.expect(t, promptPattern)
	term.send(t, "exit\n")
	term.status(t)
	term.File.Close()
	if out, err := h.command("ssh", "-S", socket, "-O", "check", alias).CombinedOutput(); err != nil {
		t.Errorf("the master has gone: %v\n%s", err, out)
	}
	again := h.command("ssh", "-S", socket, alias)
	again.Stdin = strings.NewReader("exit\n")
	runs(t, again)
	if n := g.Events().Connections; n != 1 {
		t.Errorf("%d connections, want the master's alone", n)
	}
	runs(t, h.command("ssh", "-S", socket, "-O", "exit", alias))
	expectGone(t, h)
}

// However ssh ends, its helper ends too.
func TestSSHIsKilled(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g)
	for _, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
		term := start(t, h.command("ssh", appWeb+".clever"))
		term.expect(t, promptPattern)
		term.cmd.Process.Signal(signal)
		term.status(t)
		t.Logf("with %v", signal)
		expectGone(t, h)
	}
}

// expectGone waits for the helpers of a home to end.
func expectGone(t *testing.T, h *home) {
	t.Helper()
	test.Need(t, "ps")
	var left string
	test.Eventually(t, "no helper is left", func() bool {
		left = ""
		out, err := exec.Command("ps", "-A", "-ww", "-o", "pid=,args=").Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			var pid int
			fmt.Sscan(line, &pid)
			if strings.Contains(line, "clever-ssh proxy") && ofHome(pid, h) {
				left += line
			}
		}
		return left == ""
	}, func() string { return "left behind: " + left })
}

// ofHome reports whether a process runs in a home. It says yes if it cannot tell.
func ofHome(pid int, h *home) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if os.IsNotExist(err) {
		_, proc := os.Stat("/proc/self")
		return proc != nil
	}
	if errors.Is(err, syscall.ESRCH) { // it has just ended
		return false
	}
	return err != nil || bytes.Contains(env, []byte("HOME="+h.dir+"\x00"))
}

// blackHole makes an address that never answers: a listener with a full queue. It returns the
// address, with the actual port if the port was 0.
func blackHole(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for range 16 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 300*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// sockets makes a folder with a path short enough for a socket.
func sockets(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func mustKeys[K any](keys func() ([]K, error)) []K {
	list, err := keys()
	if err != nil {
		panic(err)
	}
	return list
}
