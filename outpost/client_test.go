//go:build linux

package outpost

import (
	"bytes"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

// client is the bridge's end of a line.
type client struct {
	t       *testing.T
	session *yamux.Session
	served  chan struct{} // closed when Serve has returned
}

// start serves a line in this process.
func start(t *testing.T, o Options) *client {
	t.Helper()
	near, far := net.Pipe()
	session, err := wire.Near(near)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, session: session, served: make(chan struct{})}
	go func() {
		defer close(c.served)
		Serve(far, o)
	}()
	t.Cleanup(c.close)
	return c
}

// close ends the line, and waits until the outpost has noticed.
func (c *client) close() {
	c.t.Helper()
	c.session.Close()
	test.Within(c.t, "the end of the outpost", c.served)
}

// far is a stream as its client sees it. It sends no more data than it has credit for.
type far struct {
	t      *testing.T
	stream *yamux.Stream
	reader *wire.Reader

	mu     sync.Mutex
	change *sync.Cond
	credit int
	honest bool // all data was sent by Write
	ended  bool
}

func (c *client) open(request wire.Type, payload []byte) *far {
	c.t.Helper()
	stream, err := c.session.OpenStream()
	if err != nil {
		c.t.Fatal(err)
	}
	stream.SetReadDeadline(time.Now().Add(test.Patience))
	f := &far{t: c.t, stream: stream, reader: wire.NewReader(stream), credit: wire.Window}
	f.change = sync.NewCond(&f.mu)
	f.send(request, payload)
	return f
}

func (c *client) exec(e wire.Exec) *far { return c.open(wire.TypeExec, e.Payload()) }
func (c *client) connect(a string) *far {
	return c.open(wire.TypeConnect, (&wire.Connect{Network: wire.TCP, Address: a}).Payload())
}
func (c *client) listen(l wire.Listen) *far { return c.open(wire.TypeListen, l.Payload()) }

func (f *far) send(t wire.Type, payload []byte) error { return wire.Write(f.stream, t, payload) }

// Write sends data as an honest bridge does.
func (f *far) Write(data []byte) (int, error) {
	n := len(data)
	for len(data) > 0 {
		f.mu.Lock()
		f.honest = true
		for f.credit == 0 && !f.ended {
			f.change.Wait()
		}
		size := min(f.credit, len(data), wire.MaxData)
		if f.ended {
			f.mu.Unlock()
			return 0, io.ErrClosedPipe
		}
		f.credit -= size
		f.mu.Unlock()
		if err := f.send(wire.TypeData, data[:size]); err != nil {
			return 0, err
		}
		data = data[size:]
	}
	return n, nil
}

func (f *far) eof() error { return f.send(wire.TypeEOF, nil) }

// next returns the next frame that is not credit; type 0 at the end.
func (f *far) next() (wire.Type, []byte) {
	for {
		t, payload, err := f.reader.Read()
		if err != nil {
			f.mu.Lock()
			f.ended = true
			f.change.Broadcast()
			f.mu.Unlock()
			f.stream.Close()
			return 0, nil
		}
		if t == wire.TypeData || t == wire.TypeErrorData {
			f.send(wire.TypeCredit, wire.Uint32(uint32(len(payload))))
		}
		if t != wire.TypeCredit {
			return t, bytes.Clone(payload)
		}
		n, err := wire.ParseUint32(payload)
		if err != nil {
			f.t.Error("malformed credit")
		}
		f.mu.Lock()
		f.credit += int(n)
		if f.honest && f.credit > wire.Window {
			f.t.Errorf("credit for more than was sent: %d bytes", f.credit)
		}
		f.change.Broadcast()
		f.mu.Unlock()
	}
}

func (f *far) begun() *wire.Begun {
	f.t.Helper()
	t, payload := f.next()
	if t != wire.TypeBegun {
		f.t.Fatalf("frame %q %q, and not that it has begun", t, payload)
	}
	b, err := wire.ParseBegun(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *far) failed() string {
	f.t.Helper()
	t, payload := f.next()
	if t != wire.TypeFailed {
		f.t.Fatalf("frame %q %q, and not that it failed", t, payload)
	}
	return string(payload)
}

// outcome is the whole outcome of a command.
type outcome struct {
	stdout, stderr, notes string
	exit                  *wire.Exit // nil if none came
}

// rest reads the stream to its end.
func (f *far) rest() (o outcome) {
	f.t.Helper()
	var stdout, stderr strings.Builder
	for {
		t, payload := f.next()
		switch t {
		case wire.TypeData:
			stdout.Write(payload)
		case wire.TypeErrorData:
			stderr.Write(payload)
		case wire.TypeNote:
			o.notes += string(payload)
		case wire.TypeExit:
			exit, err := wire.ParseExit(payload)
			if err != nil {
				f.t.Error(err)
			}
			o.exit = exit
		case wire.TypeEOF:
		case 0:
			o.stdout, o.stderr = stdout.String(), stderr.String()
			return o
		default:
			f.t.Errorf("frame %q %q", t, payload)
		}
	}
}

// until reads stdout until it ends in text.
func (f *far) until(text string) string {
	f.t.Helper()
	var all strings.Builder
	for !strings.HasSuffix(all.String(), text) {
		t, payload := f.next()
		if t != wire.TypeData && t != wire.TypeErrorData {
			f.t.Fatalf("frame %q %q after %q, before %q", t, payload, all.String(), text)
		}
		all.Write(payload)
	}
	return all.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// killNoted ends the process whose id a file holds.
func killNoted(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if id, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && id > 1 {
		syscall.Kill(id, syscall.SIGKILL)
	}
}

func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < n {
		t.Skipf("this account may have %d files open, and needs %d", limit.Cur, n)
	}
}
