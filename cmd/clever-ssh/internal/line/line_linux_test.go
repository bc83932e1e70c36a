//go:build linux

package line

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/internal/test"
	"clever-ssh/outpost"
	"clever-ssh/outpost/wire"
)

// shortFolder returns a folder with a short path, because of the sockets in it.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "l")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// world holds lines that goroutines keep, with outposts running in this process.
type world struct {
	base    string
	starts  atomic.Int32
	start   Start
	keep    time.Duration
	ended   sync.WaitGroup
	release chan struct{} // outposts start when it is closed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{base: filepath.Join(shortFolder(t), "s"), keep: test.Patience, release: make(chan struct{})}
	w.start = func(ctx context.Context) (io.ReadWriteCloser, error) {
		w.starts.Add(1)
		select {
		case <-w.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		near, far := net.Pipe()
		go outpost.Serve(far, outpost.Options{})
		return near, nil
	}
	t.Cleanup(func() {
		Close(w.socket())
		w.ended.Wait()
	})
	return w
}

const target = "app_x"

func (w *world) socket() string { return Socket(w.base, target) }

// shared returns the lines as one more bridge sees them.
func (w *world) shared(t *testing.T) *Shared {
	return &Shared{Base: w.base, Step: t.Logf, Begin: func(to, socket string) error {
		w.ended.Go(func() {
			if err := Serve(context.Background(), Settings{Alias: "x.clever", Socket: socket, Keep: w.keep, Start: w.start}); err != nil {
				t.Error(err)
			}
		})
		return nil
	}}
}

// says runs echo over a stream.
func says(t *testing.T, conn io.ReadWriteCloser) {
	t.Helper()
	defer conn.Close()
	if err := wire.Write(conn, wire.TypeExec, (&wire.Exec{Command: "echo hello"}).Payload()); err != nil {
		t.Fatal(err)
	}
	frames := wire.NewReader(conn)
	var out strings.Builder
	for {
		kind, payload, err := frames.Read()
		if err != nil {
			t.Fatalf("%v after %q", err, out.String())
		}
		switch kind {
		case wire.TypeData:
			out.Write(payload)
		case wire.TypeExit:
			if e, err := wire.ParseExit(payload); err != nil || e.Status != 0 || out.String() != "hello\n" {
				t.Fatalf("%+v, %v, %q", e, err, out.String())
			}
			return
		}
	}
}

// However many bridges want a line at once, only one is made. A bridge that does not wait is told that there is
// no line yet, and one that waits gets it.
func TestOneLineForAll(t *testing.T) {
	w := newWorld(t)
	if conn, err := w.shared(t).Open(t.Context(), target, false); !errors.Is(err, bridge.ErrNotYet) {
		t.Fatalf("%v, %v", conn, err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			conn, err := w.shared(t).Open(t.Context(), target, true)
			if err != nil {
				t.Error(err)
				return
			}
			says(t, conn)
		})
	}
	test.Eventually(t, "a line is being made", func() bool {
		s, err := AskStatus(w.socket())
		return err == nil && s.State == Starting && s.Alias == "x.clever"
	})
	close(w.release)
	all.Wait()
	conn, err := w.shared(t).Open(t.Context(), target, false)
	if err != nil {
		t.Fatal(err)
	}
	says(t, conn)
	if n := w.starts.Load(); n != 1 {
		t.Errorf("%d outposts were started", n)
	}
	if s, err := AskStatus(w.socket()); err != nil || s.State != Ready || s.RoundTrip <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if info, err := os.Stat(w.socket()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// slowListener takes a while to notice that it is closed, as a busy one may.
type slowListener struct {
	net.Listener
	closing chan struct{}
	noticed atomic.Bool
}

func (l *slowListener) Accept() (net.Conn, error) {
	<-l.closing
	time.Sleep(50 * time.Millisecond) // however long it is, keep waits
	l.noticed.Store(true)
	return nil, net.ErrClosed
}

func (l *slowListener) Close() error {
	select {
	case <-l.closing:
	default:
		close(l.closing)
	}
	return nil
}

// A client that is accepted at the last moment is waited for like all others, so keep waits for the accept as well.
func TestKeepWaitsForAccept(t *testing.T) {
	l := &slowListener{closing: make(chan struct{})}
	ctx, end := context.WithCancel(t.Context())
	end()
	keep(ctx, Settings{Start: func(ctx context.Context) (io.ReadWriteCloser, error) { return nil, ctx.Err() }}, l)
	if !l.noticed.Load() {
		t.Error("it has returned before the last accept")
	}
}

// A socket that cannot be made private is closed.
func TestListenClosesWhatOthersCouldEnter(t *testing.T) {
	const abstract = "@clever-ssh-test-listen" // it has no mode
	for range 2 {
		if l, err := listen(abstract); l != nil || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v, %v", l, err)
		}
	}
}

// A line that is closed leaves nothing, and the next use makes a new one.
func TestClose(t *testing.T) {
	w := newWorld(t)
	close(w.release)
	for range 2 {
		conn, err := w.shared(t).Open(t.Context(), target, true)
		if err != nil {
			t.Fatal(err)
		}
		says(t, conn)
		if there, gone := Close(w.socket()); !there || !gone {
			t.Fatal("there was no line to close")
		}
		w.ended.Wait()
		if left, _ := os.ReadDir(filepath.Dir(w.base)); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
	if there, _ := Close(w.socket()); there || w.starts.Load() != 2 {
		t.Errorf("%d outposts were started", w.starts.Load())
	}
}

// An unused line ends by itself; one with a stream does not.
func TestIdle(t *testing.T) {
	w := newWorld(t)
	w.keep = 50 * time.Millisecond
	close(w.release)
	conn, err := w.shared(t).Open(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * w.keep) // longer than a line stays without a stream
	says(t, conn)
	w.ended.Wait()
	if left, _ := os.ReadDir(filepath.Dir(w.base)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Leftovers of a process that was killed do not matter.
func TestLeftovers(t *testing.T) {
	w := newWorld(t)
	close(w.release)
	l, err := net.Listen("unix", w.socket())
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := os.WriteFile(w.socket()+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := w.shared(t).Open(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	says(t, conn)
}

// The reason why there is no outpost reaches every bridge that waits for it, and those that come soon after.
func TestNoOutpost(t *testing.T) {
	w := newWorld(t)
	w.start = func(context.Context) (io.ReadWriteCloser, error) {
		w.starts.Add(1)
		<-w.release
		return nil, &bridge.UnfitError{Reason: "no folder \x1b[31m"}
	}
	time.AfterFunc(50*time.Millisecond, func() { close(w.release) })
	for _, wait := range []bool{true, true, false} {
		_, err := w.shared(t).Open(t.Context(), target, wait)
		if err == nil || errors.Is(err, bridge.ErrNotYet) || !strings.HasPrefix(err.Error(), "no folder ") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%v", err)
		}
	}
	if n := w.starts.Load(); n != 1 {
		t.Errorf("%d tries", n)
	}
}

// A bridge that gives up does not wait for the outpost.
func TestGivenUp(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error, 1)
	go func() {
		_, err := w.shared(t).Open(ctx, target, true)
		opened <- err
	}()
	test.Eventually(t, "an outpost is started", func() bool { return w.starts.Load() == 1 })
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// hostile returns a line whose far end belongs to the test.
func hostile(t *testing.T) (k *keeper, far net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	k = begin(t.Context(), func(context.Context) (io.ReadWriteCloser, error) { return near, nil })
	<-k.settled
	t.Cleanup(func() { far.Close() })
	return k, far
}

// An outpost that opens streams toward us, or speaks anything but the multiplexer's protocol, is cut off at
// once.
func TestHostileOutpost(t *testing.T) {
	k, far := hostile(t)
	session, err := wire.Far(far)
	if err != nil {
		t.Fatal(err)
	}
	session.OpenStream() // which may fail: it is cut off
	<-k.over
	if k.why() == nil {
		t.Error("no reason")
	}
	k, far = hostile(t)
	if session, err = wire.Far(far); err != nil {
		t.Fatal(err)
	}
	session.Ping()
	<-k.over
	if k.why() == nil {
		t.Error("no reason")
	}
	k, far = hostile(t)
	go io.Copy(io.Discard, far)
	io.WriteString(far, strings.Repeat("\xff", 4096))
	<-k.over
	if k.why() == nil {
		t.Error("no reason")
	}
}

// A connection on which nothing comes any more is dead.
func TestSilence(t *testing.T) {
	test.Slow(t)
	k, far := hostile(t)
	go io.Copy(io.Discard, far) // it takes everything, and answers nothing
	k.heard.Store(k.now() - int64(deadAfter))
	<-k.over
	if !k.dead || k.why() == nil {
		t.Errorf("%v", k.why())
	}
}

// A stream that nobody reads does not stall any other.
func TestStalledStream(t *testing.T) {
	w := newWorld(t)
	close(w.release)
	stalled, err := w.shared(t).Open(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if err := wire.Write(stalled, wire.TypeExec, (&wire.Exec{Command: "cat /dev/zero"}).Payload()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		conn, err := w.shared(t).Open(t.Context(), target, false)
		if err != nil {
			t.Fatal(err)
		}
		says(t, conn)
	}
}

// request opens a stream with a request for a command.
func (w *world) request(t *testing.T, command string) io.ReadWriteCloser {
	t.Helper()
	conn, err := w.shared(t).Open(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Write(conn, wire.TypeExec, (&wire.Exec{Command: command}).Payload()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// streams waits until n streams are open.
func (w *world) streams(t *testing.T, n int64) {
	t.Helper()
	test.Eventually(t, "the number of streams is right", func() bool {
		s, err := AskStatus(w.socket())
		return err == nil && s.Streams == n
	})
}

// A command that ends while there is data on its way to it leaves no stream behind.
func TestEndWithDataOnItsWay(t *testing.T) {
	w := newWorld(t)
	close(w.release)
	for range 3 {
		conn := w.request(t, "head -c 1000 >/dev/null")
		data := make([]byte, wire.MaxData)
		for sent := 0; sent < wire.Window; sent += len(data) {
			if wire.Write(conn, wire.TypeData, data) != nil {
				break
			}
		}
		defer conn.Close() // only later: the process has to find out by itself
	}
	w.streams(t, 0)
}

// A line with many streams ends at once, and so does one whose clients do not read.
func TestCloseWithManyStreams(t *testing.T) {
	test.Slow(t)
	w := newWorld(t)
	close(w.release)
	const n = 300
	for i := range n {
		command := "sleep 1000"
		if i%10 == 0 {
			command = "cat /dev/zero"
		}
		defer w.request(t, command).Close()
	}
	w.streams(t, n)
	if there, gone := Close(w.socket()); !there || !gone {
		t.Error("the line did not end in time")
	}
	w.ended.Wait()
	conn, err := w.shared(t).Open(t.Context(), target, true)
	if err != nil {
		t.Fatal(err)
	}
	says(t, conn)
}
