//go:build unix

package bridge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"

	"github.com/hashicorp/yamux"
	"golang.org/x/crypto/ssh"
)

// withLine gives options a line whose outposts run where the options lead.
func withLine(t *testing.T, o Options) (Options, *directLine) {
	t.Helper()
	programs, err := readPrograms(needOutpost(t))
	if err != nil {
		t.Fatal(err)
	}
	bare := o
	l := &directLine{options: func() Options { return bare }, programs: programs, sessions: map[string]*yamux.Session{}}
	t.Cleanup(l.close)
	o.Line = l
	return o, l
}

// instanceWithOutpost is an instance's shell, with a line to it.
func instanceWithOutpost(t *testing.T, script string) (o Options, home string, l *directLine) {
	t.Helper()
	o, home = instanceShell(t, script)
	if err := os.Mkdir(filepath.Join(home, ".cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	o, l = withLine(t, o)
	return o, home, l
}

// Files that an outpost's command makes have the modes that the shell gives them.
func TestUmask(t *testing.T) {
	t.Parallel()
	o, _, line := instanceWithOutpost(t, "umask 027; exec bash\n")
	conn, err := line.Open(t.Context(), o.Target, true)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if r, err := runCommand(t, o, "umask", ""); r.stdout != "0027\n" || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// A command's end arrives as it was, with the status or the signal.
func TestExactEnd(t *testing.T) {
	t.Parallel()
	o, _, _ := instanceWithOutpost(t, "exec bash\n")
	client := connectInProcess(t, o)
	for _, name := range []string{"HUP", "INT", "KILL", "TERM", "USR1", "PIPE"} {
		session := newSession(t, client)
		err := session.Run("ulimit -c 0; kill -" + name + " $$")
		ended := new(ssh.ExitError)
		if !errors.As(err, &ended) || ended.Signal() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	session := newSession(t, client)
	stdin, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.01; done"); err != nil {
		t.Fatal(err)
	}
	// A signal does not wait for data that nobody reads.
	go stdin.Write(make([]byte, 1<<20))
	line := make([]byte, 6)
	if _, err := io.ReadFull(stdout, line); err != nil || string(line) != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := session.Signal(ssh.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stdout)
	ended := new(ssh.ExitError)
	if err := session.Wait(); !errors.As(err, &ended) || ended.ExitStatus() != 9 || string(rest) != "caught\n" {
		t.Errorf("%v, %q", err, rest)
	}
}

func newSession(t *testing.T, client *ssh.Client) *ssh.Session {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// If this machine has no terminals, the instance's are used.
func TestTerminalOfTheInstance(t *testing.T) {
	// Not in parallel: all tests share the variable.
	o, _, _ := instanceWithOutpost(t, "exec bash\n")
	open := openTerminal
	openTerminal = func() (*os.File, *os.File, error) { return nil, nil, errors.New("none are left") }
	defer func() { openTerminal = open }()
	lazy := &lazyLine{Line: o.Line}
	o.Line = lazy
	client := connectInProcess(t, o)
	session := newSession(t, client)
	if err := session.RequestPty("vt100", 30, 100, ssh.TerminalModes{ssh.ECHO: 0}); err != nil {
		t.Fatal(err)
	}
	out, err := session.Output("stty size; echo $TERM; test -t 0 && test -t 1 && echo terminal")
	if err != nil || string(out) != "30 100\r\nvt100\r\nterminal\r\n" {
		t.Errorf("%q, %v", out, err)
	}
	o.Line = nil
	session = newSession(t, connectInProcess(t, o))
	if err := session.RequestPty("vt100", 30, 100, nil); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	session.Stderr = &stderr
	if err := session.Run("true"); err == nil || !strings.Contains(stderr.String(), "no pseudo-terminals") {
		t.Errorf("%v, %q", err, stderr.String())
	}
}

// lazyLine has an outpost only once somebody has waited for it.
type lazyLine struct {
	Line
	there atomic.Bool
}

func (l *lazyLine) Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	if !wait && !l.there.Load() {
		return nil, ErrNotYet
	}
	l.there.Store(true)
	return l.Line.Open(ctx, target, wait)
}

// SFTP on an instance without a server for it waits for the outpost. If the outpost cannot come,
// the user is told why.
func TestFilesWithoutServer(t *testing.T) {
	t.Parallel()
	test.Slow(t)
	root := test.BusyboxRoot(t)
	o := Options{StartTimeout: test.Patience, Target: target, Inner: func(string, bool) *exec.Cmd { return inRoot(root, "/bin/sh") }}
	far, l := withLine(t, o)
	far.Line = &lazyLine{Line: l}
	talk := func(o Options) (answer []byte, stderr string) {
		session := newSession(t, connectInProcess(t, o))
		stdin, err := session.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, errOut := session.StdoutPipe()
		errs, errErrs := session.StderrPipe()
		if err := errors.Join(errOut, errErrs, session.RequestSubsystem("sftp")); err != nil {
			t.Fatal(err)
		}
		stdin.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}) // SSH_FXP_INIT, version 3
		stdin.Close()
		answer, _ = io.ReadAll(stdout)
		said, _ := io.ReadAll(errs)
		return answer, string(said)
	}
	answer, stderr := talk(far)
	if len(answer) < 9 || !slices.Equal(answer[4:9], []byte{2, 0, 0, 0, 3}) || stderr != "" {
		t.Errorf("%q, %q", answer, stderr)
	}
	if answer, stderr := talk(o); len(answer) != 0 || !strings.Contains(stderr, "there is no sftp-server on the instance") {
		t.Errorf("%q, %q", answer, stderr)
	}
	o.Line = noLine{}
	if answer, stderr := talk(o); len(answer) != 0 || !strings.Contains(stderr, "there is no sftp-server on the instance") || !strings.Contains(stderr, "SFTP on an instance without an sftp-server needs the outpost: no place") {
		t.Errorf("%q, %q", answer, stderr)
	}
}

// inRoot returns a program that runs in another root.
func inRoot(root string, args ...string) *exec.Cmd {
	return &exec.Cmd{Path: args[0], Args: args, Dir: "/", Env: []string{"PATH=/bin", "HOME=/root"}, SysProcAttr: &syscall.SysProcAttr{Chroot: root}}
}

// noLine never has an outpost.
type noLine struct{}

func (noLine) Open(context.Context, string, bool) (io.ReadWriteCloser, error) {
	return nil, &UnfitError{"no place"}
}

// Unless an outpost's messages stay within bounds and are understood, the command has failed. Nobody is told of
// a success that the outpost did not report.
func FuzzOutpostJob(f *testing.F) {
	f.Add(wire.TypeData.Frame(nil, []byte("data")), []byte{3})
	f.Add(wire.TypeExit.Frame(wire.TypeErrorData.Frame(nil, []byte("e")), (&wire.Exit{Status: 1}).Payload()), []byte{1})
	f.Add(wire.TypeExit.Frame(wire.TypeBegun.Frame(nil, (&wire.Begun{}).Payload()), (&wire.Exit{Signal: "TERM"}).Payload()), []byte{200})
	f.Add(wire.TypeCredit.Frame(nil, wire.Uint32(1<<31)), []byte{5})
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		var warned int
		conn := &fakeConn{in: &chunked{data: data, sizes: sizes}}
		s, err := openStream(conn, wire.TypeExec, (&wire.Exec{}).Payload())
		if err != nil {
			t.Fatal(err)
		}
		j := &outpostJob{s, func(err error) {
			warned++
			if !plainLines(err.Error()) {
				t.Errorf("%q", err)
			}
		}}
		var stdout, stderr bytes.Buffer
		e, err := j.carry(t.Context(), streams{strings.NewReader("input"), &stdout, &stderr})
		succeeded := bytes.HasSuffix(data, nil) && bytes.Contains(data, wire.TypeExit.Frame(nil, (&wire.Exit{}).Payload()))
		if err == nil && e.status == 0 && e.signal == "" && !succeeded {
			t.Errorf("a success out of %q", data)
		}
		if stdout.Len()+stderr.Len() > len(data) || e.status < 0 || e.status > StatusFailed || err != nil && e.status != StatusFailed {
			t.Errorf("%+v, %v", e, err)
		}
		if err != nil && !plainLines(err.Error()) || !signalName(e.signal) {
			t.Errorf("%v, %q", err, e.signal)
		}
	})
}

// plainLines reports whether a text is safe to show as it is.
func plainLines(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if !plainLine(line) {
			return false
		}
	}
	return true
}

// fakeConn is a stream to an outpost that may send anything.
type fakeConn struct{ in io.Reader }

func (c *fakeConn) Read(buf []byte) (int, error)   { return c.in.Read(buf) }
func (c *fakeConn) Write(data []byte) (int, error) { return len(data), nil }
func (c *fakeConn) Close() error                   { return nil }

// Data in one direction does not wait for data in the other.
func TestBothDirectionsAtOnce(t *testing.T) {
	t.Parallel()
	o, _, _ := instanceWithOutpost(t, "exec bash\n")
	session := newSession(t, connectInProcess(t, o))
	stdin, errIn := session.StdinPipe()
	stdout, errOut := session.StdoutPipe()
	if err := errors.Join(errIn, errOut, session.Start("head -c 12000000 /dev/zero & cat >/dev/null; wait")); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(make([]byte, 12_000_000)); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	if n, err := io.Copy(io.Discard, stdout); n != 12_000_000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := session.Wait(); err != nil {
		t.Error(err)
	}
}

// An outpost's text is shown on one line, and does not pass for anybody else's.
func TestOutpostText(t *testing.T) {
	got := outpostText([]byte("x\nclever-ssh: run this\x1b[31m\n" + strings.Repeat("y", 1000)))
	if strings.ContainsAny(got, "\n\x1b") || len(got) > 300 {
		t.Errorf("%q", got)
	}
}
