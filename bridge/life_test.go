//go:build unix

package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// alive reports whether the process whose id is in a file is running.
func alive(t *testing.T, file string) bool {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(readFile(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	return syscall.Kill(pid, 0) == nil
}

// waitUntilKilled sends a signal to an ssh until it has ended. Some versions check for a signal, and then wait
// for an event, so a signal in between is lost.
func waitUntilKilled(cmd *exec.Cmd, kill func()) {
	ended := make(chan struct{})
	go func() {
		for {
			kill()
			select {
			case <-ended:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	cmd.Wait()
	close(ended)
}

// A command ends with its client, whatever it does with its pipes.
func TestSSHKilled(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			pid := w.path("pid" + how.String())
			cmd := w.command("ssh", "web", "trap '' PIPE; echo $$ > "+pid+"; echo ready; while :; do sleep 0.05; done 2>&1")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdin, _, _ = os.Pipe() // this never ends
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := io.ReadAll(io.LimitReader(stdout, 6)); string(line) != "ready\n" {
				t.Fatalf("%q, %v", line, err)
			}
			waitUntilKilled(cmd, func() {
				if how == syscall.SIGINT {
					syscall.Kill(-cmd.Process.Pid, how) // as a terminal does
				} else {
					cmd.Process.Signal(how)
				}
			})
			test.Eventually(t, "the command has ended", func() bool { return !alive(t, pid) })
		}
	})
}

// Many commands that lose their client at once share a hang-up, and each of them gets it.
func TestManyKilled(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "setsid bash; exit $?\n")
	inner := o.Inner
	var mu sync.Mutex
	started := 0
	o.Inner = func(to string, tty bool) *exec.Cmd {
		mu.Lock()
		defer mu.Unlock()
		started++
		return inner(to, tty)
	}
	client := connectInProcess(t, o)
	const n = 12
	for i := range n {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := session.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start(fmt.Sprintf("echo $$ > pid%d; echo ready; while :; do sleep 0.05; done", i)); err != nil {
			t.Fatal(err)
		}
		if line, err := io.ReadAll(io.LimitReader(stdout, 6)); string(line) != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	client.Close()
	for i := range n {
		test.Eventually(t, "the commands have ended", func() bool { return !alive(t, fmt.Sprintf("%s/pid%d", home, i)) })
	}
	mu.Lock()
	defer mu.Unlock()
	if started < n+1 || started > n+n/2 {
		t.Errorf("%d inner connections for %d commands", started, n)
	}
}

// Signals reach the command, and the client learns which one ended it.
func TestSignals(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "setsid -w bash || exit $?\n")
	client := connectInProcess(t, o)
	start := func(command string) (*ssh.Session, io.Reader) {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := session.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start(command); err != nil {
			t.Fatal(err)
		}
		if line, err := io.ReadAll(io.LimitReader(stdout, 6)); string(line) != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return session, stdout
	}
	session, stdout := start("trap 'echo usr1' USR1; trap 'echo term; exit 8' TERM; echo ready; while :; do sleep 0.05; done")
	session.Signal(ssh.SIGUSR1)
	if line, err := io.ReadAll(io.LimitReader(stdout, 5)); string(line) != "usr1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	session.Signal(ssh.Signal("NONE; touch here"))
	session.Signal(ssh.SIGTERM)
	if rest, err := io.ReadAll(stdout); string(rest) != "term\n" {
		t.Errorf("%q, %v", rest, err)
	}
	exit := new(ssh.ExitError)
	if err := session.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 8 {
		t.Errorf("%v", err)
	}

	// ssh's way to report that a signal ended the command.
	session, _ = start("trap 'exit 255' KILL TERM; echo ready; while :; do sleep 0.05; done")
	session.Signal(ssh.SIGTERM)
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("%v", err)
	}
}

// A signal that comes before the command has begun waits for it.
func TestEarlySignal(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "until [ -e let ]; do sleep 0.05; done\nsetsid -w bash || exit $?\n")
	session := newSession(t, connectInProcess(t, o))
	if err := session.Start("trap 'exit 255' TERM; while :; do sleep 0.05; done"); err != nil {
		t.Fatal(err)
	}
	session.Signal(ssh.SIGTERM)
	if _, err := session.SendRequest("unknown", true, nil); err != nil { // the signal came before this
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "let"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	exit := new(ssh.ExitError)
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("%v", err)
	}
}

// Several sessions share the client's connection, as with Ansible.
func TestSSHMaster(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		socket := w.path("m")
		master := w.command("ssh", "-M", "-S", socket, "-N", "web")
		if err := master.Start(); err != nil {
			t.Fatal(err)
		}
		defer waitUntilKilled(master, func() { master.Process.Signal(syscall.SIGTERM) })
		test.Eventually(t, "the master is there", func() bool {
			return w.command("ssh", "-S", socket, "-O", "check", "web").Run() == nil
		})
		var work sync.WaitGroup
		for i := range 12 {
			work.Go(func() {
				cmd := w.command("ssh", "-S", socket, "web", fmt.Sprintf("cat; exit %d", i))
				data := strings.Repeat(fmt.Sprintln(i), 10_000)
				cmd.Stdin = strings.NewReader(data)
				var stdout strings.Builder
				cmd.Stdout = &stdout
				cmd.Run()
				if stdout.String() != data || cmd.ProcessState.ExitCode() != i {
					t.Errorf("%d: %d bytes of %d, exit status %d", i, stdout.Len(), len(data), cmd.ProcessState.ExitCode())
				}
			})
		}
		work.Wait()
		s := inTerminal(t, w.command("ssh", "-t", "-S", socket, "web", target))
		s.expect("Opening an ssh shell")
		s.expect("$ ")
		s.typeIn("exit 5\r")
		if status := s.end(); status != 5 {
			t.Errorf("the interactive session: exit status %d, %q", status, s.all())
		}
	})
}

func TestSSHRekey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startFake(t, w)
	data := bytes.Repeat([]byte("0123456789abcde\n"), 2<<20/16)
	for _, cipher := range []string{"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr"} {
		cmd := w.command("ssh", "-v", "-o", "RekeyLimit=256K", "-c", cipher, "web", "cat")
		cmd.Stdin = bytes.NewReader(data)
		got := run(t, cmd)
		if got.stdout != string(data) || got.status != 0 || strings.Count(got.stderr, "SSH2_MSG_NEWKEYS sent") < 5 {
			t.Errorf("%s: %d bytes of %d, exit status %d", cipher, len(got.stdout), len(data), got.status)
		}
	}
}

// A client that asks whether the server is alive gets an answer.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	client := connectInProcess(t, o)
	if ok, _, err := client.SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	if ok, _, err := client.SendRequest("tcpip-forward", true, ssh.Marshal(struct {
		Host string
		Port uint32
	}{"", 0})); ok || err != nil {
		t.Errorf("ssh -R: %t, %v", ok, err)
	}
	if ok, _, err := client.SendRequest("no-more-sessions@openssh.com", true, nil); !ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
	refused := new(ssh.OpenChannelError)
	if _, _, err := client.OpenChannel("tun@openssh.com", nil); !errors.As(err, &refused) || refused.Reason != ssh.UnknownChannelType {
		t.Errorf("%v", err)
	}
}

// The environment's language reaches the command, and nothing else does.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "unset LANG LC_ALL LC_X\nexec bash\n")
	client := connectInProcess(t, o)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name, value string
		accepted    bool
	}{
		{"LANG", "C", true}, {"LC_X", "'\"$(echo x)`%s\\101\n\n", true},
		{"PATH", "/x", false}, {"LC_A=B", "", false}, {"LC_a;b", "", false}, {"LC_Y", "a\x00b", false}, {"LC_Z", strings.Repeat("x", 2000), false},
	} {
		if err := session.Setenv(v.name, v.value); (err == nil) != v.accepted {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	out, err := session.Output(`printf '%s|%s|%s' "$LANG" "$LC_X" "$LC_Y"`)
	if want := "C|'\"$(echo x)`%s\\101\n\n|"; string(out) != want || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// Requests that a session makes twice, too late, or wrongly are refused.
func TestRequests(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	client := connectInProcess(t, o)
	channel, requests, err := client.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	text := func(s string) []byte { return ssh.Marshal(struct{ S string }{s}) }
	for _, r := range []struct {
		name    string
		payload []byte
		ok      bool
	}{
		{"pty-req", []byte("x"), false}, {"exec", nil, false}, {"env", nil, false}, {"signal", text("TERM"), false},
		{"window-change", make([]byte, 16), false}, {"subsystem", text("netconf"), false}, {"x11-req", nil, false}, {"auth-agent-req@openssh.com", nil, false},
		{"exec", text("cat"), true}, {"exec", text("cat"), false}, {"shell", nil, false}, {"subsystem", text("sftp"), false}, {"env", text("LANG"), false},
	} {
		if ok, err := channel.SendRequest(r.name, true, r.payload); ok != r.ok || err != nil {
			t.Errorf("%s: %t, %v", r.name, ok, err)
		}
	}
	channel.CloseWrite()
	if out, err := io.ReadAll(channel); len(out) > 0 || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// A command ends when nobody reads its output any more, as it does with sshd.
func TestOutputUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startFake(t, w, w.shareMaster()...)
	cmd := w.command("ssh", "web", "yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	out.Close()
	timer := time.AfterFunc(test.Patience, func() { cmd.Process.Kill() })
	cmd.Wait()
	if !timer.Stop() {
		t.Error("ssh goes on")
	}
}

// A client waits until the connection is prepared, or is told why it is not.
func TestPrepare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startFake(t, w, w.shareMaster()...)
	w.env = append(w.env, prepareVariable+"="+strings.Join([]string{"ssh", "-F", w.path("inner_config"), "-f", "-N", "inner"}, "\n"))
	if got := run(t, w.command("ssh", "web", "echo yes")); got != (result{"yes\n", "", 0}) {
		t.Errorf("%+v", got)
	}
	w.env = append(w.env, prepareVariable+"=sh\n-c\necho 'no key' >&2; exit 1")
	got := run(t, w.command("ssh", "web", "echo yes"))
	if got.status != 255 || got.stdout != "" || !strings.Contains(got.stderr, "exit status 1: no key\n") {
		t.Errorf("%+v", got)
	}
}

// serveUnprepared serves a client that is turned away. Like PuTTY, the client waits for the end of the output,
// with its own side open.
func serveUnprepared(t *testing.T, o Options) error {
	t.Helper()
	o.Prepare = func(context.Context) error { return errors.New("no key") }
	in, toServer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromServer, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []io.Closer{in, toServer, fromServer, out} {
		defer end.Close()
	}
	served := make(chan error, 1)
	go func() { served <- Serve(context.Background(), struct{ io.Reader }{in}, out, o) }()
	_, _, _, err = ssh.NewClientConn(newPipe(fromServer, struct{ io.Writer }{toServer}), "", &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err == nil {
		t.Error("the client was let in")
	}
	return test.Within(t, "the end of the server, which does not wait for the client", served)
}

// A client that goes while it waits ends the preparation, which may be asking somebody for a passphrase.
func TestClientGoesDuringPrepare(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"before it says anything", "while it logs in"} {
		t.Run(name, func(t *testing.T) {
			in, toServer := net.Pipe()
			defer toServer.Close()
			preparing := make(chan context.Context, 1)
			o := Options{HostKey: newHostKey(t), Prepare: func(ctx context.Context) error {
				preparing <- ctx
				<-ctx.Done()
				return context.Cause(ctx)
			}}
			served := make(chan error, 1)
			go func() { served <- Serve(context.Background(), in, in, o) }()
			test.Within(t, "the preparation", preparing)
			if name == "while it logs in" {
				asked := make(chan struct{})
				go ssh.NewClientConn(toServer, "", &ssh.ClientConfig{HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error {
					close(asked)
					return nil
				}})
				test.Within(t, "the host key", asked)
			}
			toServer.Close()
			if err := test.Within(t, "the end of the server", served); err == nil || !strings.HasPrefix(err.Error(), "the client: ") {
				t.Error(err)
			}
		})
	}
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	defer out.Close()
	served := make(chan error, 1)
	o.HostKey = newHostKey(t)
	go func() { served <- Serve(ctx, in, io.Discard, o) }()
	cancel()
	if err := <-served; err != context.Canceled {
		t.Errorf("%v", err)
	}
	if err := serveUnprepared(t, o); err == nil || err.Error() != "no key" {
		t.Errorf("%v", err)
	}
	if err := Serve(context.Background(), strings.NewReader("GET / HTTP/1.1\r\n\r\n"), io.Discard, o); err == nil {
		t.Error("a client that speaks no SSH was served")
	}
}

// stalling writes until stop is closed. After that it takes nothing, until the end of the test.
type stalling struct {
	to            io.Writer
	stop, stalled chan struct{}
	end           <-chan struct{}
}

func (s *stalling) Write(data []byte) (int, error) {
	select {
	case <-s.stop:
		close(s.stalled)
		<-s.end
		return 0, io.ErrClosedPipe
	default:
		return s.to.Write(data)
	}
}

// The server ends when it should, also if its client reads nothing.
func TestServeEndsUnread(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	o.HostKey = newHostKey(t)
	in, toServer := net.Pipe()
	fromServer, out := net.Pipe()
	s := &stalling{to: out, stop: make(chan struct{}), stalled: make(chan struct{}), end: t.Context().Done()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, in, s, o) }()
	conn, channels, requests, err := ssh.NewClientConn(newPipe(fromServer, toServer), "", &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer fromServer.Close()
	if err := newSession(t, ssh.NewClient(conn, channels, requests)).Start("cat /dev/zero"); err != nil {
		t.Fatal(err)
	}
	close(s.stop)
	test.Within(t, "output that nobody reads", s.stalled)
	cancel()
	if err := test.Within(t, "the end of the server", served); err != nil {
		t.Error(err)
	}
}

// Memory is bounded in either direction: a writer waits for the reader.
func TestMemory(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the race detector takes memory itself; scripts/test.sh runs this without it")
	}
	w := newWorld(t)
	startFake(t, w, w.shareMaster()...)
	w.env = append(w.env, memoryVariable+"="+w.path("memory"))
	const size = 64 << 20
	for _, row := range []struct{ name, command string }{
		{"nobody reads at first", fmt.Sprintf("ssh -F config web 'head -c %d /dev/zero' | { sleep 1; wc -c; }", size)},
		{"the command does not read at first", fmt.Sprintf("head -c %d /dev/zero | ssh -F config web 'sleep 1; wc -c'", size)},
	} {
		got := run(t, w.command("sh", "-c", row.command))
		if strings.TrimSpace(got.stdout) != strconv.Itoa(size) {
			t.Errorf("%s: %+v", row.name, got)
		}
		used, err := strconv.Atoi(readFile(t, w.path("memory")))
		if err != nil || used > 30<<20 {
			t.Errorf("%s: %d bytes of memory, %v", row.name, used, err)
		}
		t.Logf("%s: %.1f MiB", row.name, float64(used)/(1<<20))
	}
}
