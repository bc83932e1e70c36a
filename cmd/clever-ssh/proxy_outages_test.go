//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
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
	"golang.org/x/sys/unix"
)

// behindWire returns a home that is set up for a gateway at the other end of a wire.
func behindWire(t *testing.T, l net.Listener) (*home, *gateway.Gateway, *wire) {
	t.Helper()
	h := testHome(t)
	g := startGateway(t, h)
	w := newWire(t, g.Addr(), l)
	h.setup(t, g, "web="+appWeb)
	runs(t, h.command("clever-ssh", "setup", "--gateway", "ssh@"+l.Addr().String()))
	return h, g, w
}

// Wherever and however the gateway breaks off, the user is told why, and ssh and its helper end.
func TestGatewayBreaksOff(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]fault{"resets": resets, "closes half": closesHalf, "closes both": closesBoth} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _, w := behindWire(t, loopback(t))
			for at := connected; at <= inSession; at++ {
				t.Run(at.String(), func(t *testing.T) {
					w.fail(at, how)
					term := start(t, h.command("ssh", "web.clever"))
					reason := `the server closed the connection during the handshake`
					switch at {
					case connected:
						reason = `the server closed the connection before it said anything`
					case encrypted: // by the gateway, but perhaps not yet by the client
						reason += `|the connection was lost: `
					case inSession:
						reason = `the connection was lost: the gateway closed it`
						if name == "resets" {
							reason = `the connection was lost: .*connection reset by peer`
						}
						term.expect(t, promptPattern)
						close(w.now)
					}
					term.expect(t, `clever-ssh: .*(`+reason+`)`)
					if status := term.status(t); status != 255 {
						t.Errorf("exit status %d", status)
					}
					expectGone(t, h)
				})
			}
		})
	}
}

// However ssh ends while the gateway is silent, its helper ends too.
func TestSSHEndsWhileTheGatewayStalls(t *testing.T) {
	t.Parallel()
	signalled := func(s syscall.Signal) func(*terminal) {
		return func(term *terminal) { term.cmd.Process.Signal(s) }
	}
	for name, end := range map[string]func(*terminal){
		"killed":               signalled(syscall.SIGKILL),
		"terminated":           signalled(syscall.SIGTERM),
		"hung up":              signalled(syscall.SIGHUP),
		"interrupted":          func(term *terminal) { term.WriteString("\x03") },
		"its terminal closes":  func(term *terminal) { term.File.Close() },
		"its patience is over": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, g, w := behindWire(t, loopback(t))
			for _, at := range []stage{connected, identified, replied, inSession} {
				t.Run(at.String(), func(t *testing.T) {
					w.fail(at, stalls)
					cmd := h.command("ssh", "web.clever")
					switch {
					case name == "its patience is over" && at == connected:
						cmd.Args = append(cmd.Args, "-o", "ConnectTimeout=1")
					case name == "its patience is over" && at == inSession:
						cmd.Args = append(cmd.Args, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1")
					case name == "its patience is over":
						return // the helper has its own limit of half a minute
					}
					term := start(t, cmd)
					w.wait(t)
					if at == inSession {
						term.expect(t, promptPattern)
						close(w.now)
						if name == "interrupted" {
							term.WriteString("\n~.") // ssh would send an interrupt to the gateway
						}
					}
					if end != nil {
						end(term)
					}
					if status := term.status(t); status == 0 {
						t.Error("exit status 0")
					}
					expectGone(t, h)
				})
			}
			if n := g.Events().Connections; n < 2 {
				t.Errorf("only %d connections", n)
			}
		})
	}
}

// A client that is killed while it sends leaves no process either, even if the gateway has stopped
// reading and never ends the connection.
func TestSSHIsKilledWhileItSends(t *testing.T) {
	t.Parallel()
	// With small segments, the sockets cannot hold all that ssh may send before it must wait for
	// the gateway.
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		raw.Control(func(fd uintptr) {
			err = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536), unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<10))
		})
		return err
	}}
	l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, _, w := behindWire(t, l)
	w.fail(inSession, stalls)
	cmd := h.command("ssh", "-e", "none", "web.clever") // ssh takes seconds to search its input for an escape character
	stdin, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	cmd.Stdin = stdin
	var said bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &said, test.Patience // the helper has ssh's stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	stdin.Close()
	if _, err := io.ReadAtLeast(stdout, make([]byte, 100), 1); err != nil { // the gateway's greeting
		t.Fatal(err)
	}
	close(w.now)
	for err = nil; err == nil; { // until nothing more is accepted for a while
		typed.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		_, err = typed.Write(make([]byte, 32<<10))
	}
	cmd.Process.Kill()
	state := cmd.Wait()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v; ssh: %v\n%s", err, state, &said)
	}
	expectGone(t, h)
}

// piped is a proxy process as its client sees it: a connection.
type piped struct {
	cmd *exec.Cmd
	io.ReadCloser
	stdin io.WriteCloser
	said  strings.Builder // its stderr, once it has ended
	net.Conn
}

// startPiped starts a proxy with pipes.
func startPiped(cmd *exec.Cmd) (*piped, error) {
	p := &piped{cmd: cmd}
	cmd.Stderr = &p.said
	var errIn, errOut error
	p.stdin, errIn = cmd.StdinPipe()
	p.ReadCloser, errOut = cmd.StdoutPipe()
	return p, errors.Join(errIn, errOut, cmd.Start())
}

func (p *piped) Read(b []byte) (int, error)  { return p.ReadCloser.Read(b) }
func (p *piped) Write(b []byte) (int, error) { return p.stdin.Write(b) }
func (p *piped) Close() error                { return errors.Join(p.stdin.Close(), p.ReadCloser.Close()) }
func (p *piped) LocalAddr() net.Addr         { return &net.TCPAddr{} }
func (p *piped) RemoteAddr() net.Addr        { return &net.TCPAddr{} }

// ended waits for the process to end, and returns its state.
func (p *piped) ended(t *testing.T) *os.ProcessState {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.cmd.Wait()
	}()
	select {
	case <-done:
	case <-time.After(test.Patience):
		p.cmd.Process.Kill()
		<-done
		t.Error("the proxy does not end")
	}
	return p.cmd.ProcessState
}

// sshClient opens an SSH connection through a proxy with the home's key.
func sshClient(h *home, conn net.Conn, hostKey string, verify ssh.HostKeyCallback) (*ssh.Client, error) {
	text, err := os.ReadFile(h.path("id"))
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, "gateway:22", &ssh.ClientConfig{
		User: "ssh", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyAlgorithms: []string{hostKey}, HostKeyCallback: verify,
		// A cheap one, because some tests open many connections.
		Config: ssh.Config{KeyExchanges: []string{"curve25519-sha256"}},
	})
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// A client that closes the proxy's stdin first has left: the proxy ends and says nothing.
func TestStdinClosesFirst(t *testing.T) {
	t.Parallel()
	h, _, w := behindWire(t, loopback(t))
	for at := connected; at <= inSession; at++ {
		for name, how := range map[string]fault{"stalls": stalls, "works": nil} {
			if how == nil && at != inSession {
				continue
			}
			t.Run(fmt.Sprintf("%v, the gateway %s", at, name), func(t *testing.T) {
				w.fail(at, how)
				p, err := startPiped(h.command("clever-ssh", "proxy", "web.clever"))
				if err != nil {
					t.Fatal(err)
				}
				client := make(chan error, 1)
				go func() {
					c, err := sshClient(h, p, ssh.KeyAlgoED25519, ssh.InsecureIgnoreHostKey())
					if err == nil {
						defer c.Close()
					}
					client <- err
				}()
				w.wait(t)
				if at == inSession {
					if err := <-client; err != nil {
						t.Fatal(err)
					}
					if how != nil {
						close(w.now)
					}
				}
				p.stdin.Close()
				p.ended(t)
				p.ReadCloser.Close()
				if p.said.Len() > 0 {
					t.Errorf("it says %q", p.said.String())
				}
			})
		}
	}
	expectGone(t, h)
}

// If known_hosts cannot be written, the user is told why ssh is about to refuse the gateway.
func TestKnownHostsDisk(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string]struct{ mount, reason string }{
		"read-only": {`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`, "read-only file system"},
		"full": {`cp -R "$0" "$0.old" && mount -t tmpfs -o size=128k,mode=0700 tmpfs "$0" && cp -R "$0.old/." "$0" && rm -R "$0.old" &&
			{ cat /dev/zero >"$0/full" 2>/dev/null || :; }`, "no space left on device"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			g := startGateway(t, h)
			h.setup(t, g, "web="+appWeb)
			onDisk := func(args ...string) *exec.Cmd {
				return h.command("unshare", append([]string{"-m", "sh", "-c", disk.mount + ` && exec "$@"`, h.path("clever")}, args...)...)
			}
			needs(t, "a mount namespace", onDisk("true"))
			cmd := onDisk("ssh", "web.clever")
			out, err := cmd.CombinedOutput()
			told := `(?s)clever-ssh: cannot record the host key, so ssh will refuse it: .*known_hosts.*` + disk.reason + `.*Host key verification failed`
			if err == nil || cmd.ProcessState.ExitCode() != 255 || !regexp.MustCompile(told).Match(out) {
				t.Errorf("%v\n%s", cmd.ProcessState, out)
			}
			if n := len(g.Events().Attempts); n > 0 {
				t.Errorf("%d authentication attempts", n)
			}
			expectGone(t, h)

			// If the key is already known, there is nothing to write.
			known := h.command("ssh", "web.clever")
			known.Stdin = strings.NewReader("exit\n")
			runs(t, known)
			if _, err := os.Stat(filepath.Join(h.path("clever"), "known_hosts")); err != nil {
				t.Fatal(err)
			}
			again := onDisk("ssh", "web.clever")
			again.Stdin = strings.NewReader("echo id=$APP_ID; exit\n")
			if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "id="+appWeb) || strings.Contains(string(out), "clever-ssh: ") {
				t.Errorf("with a known key: %v\n%s", err, out)
			}
		})
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
	port := netip.MustParseAddrPort(g.Addr()).Port()
	test.BlackHole(t, "127.0.0.2", port)
	h.setup(t, g)
	runs(t, h.command("clever-ssh", "setup", "--gateway", fmt.Sprintf("ssh@gateway.test:%d", port)))
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
	if errors.Is(err, fs.ErrPermission) { // an ssh shows its environment to root alone; its arguments name the home
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return err == nil && bytes.Contains(arguments, []byte(h.dir+"/"))
	}
	return err != nil || bytes.Contains(env, []byte("HOME="+h.dir+"\x00"))
}
