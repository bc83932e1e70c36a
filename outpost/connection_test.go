//go:build linux

package outpost

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

// serveTCP serves each connection to a new address with f.
func serveTCP(t *testing.T, f func(conn *net.TCPConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f(conn.(*net.TCPConn))
		}
	}()
	return l.Addr().String()
}

func echo(conn *net.TCPConn) {
	io.Copy(conn, conn)
	conn.Close()
}

func TestConnection(t *testing.T) {
	c := start(t, Options{})
	f := c.connect(serveTCP(t, echo))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/2)
	go func() {
		f.Write(data)
		f.eof()
	}()
	f.begun()
	if o := f.rest(); o.stdout != string(data) {
		t.Errorf("%d bytes came back of %d", len(o.stdout), len(data))
	}
}

// The end of one direction does not end the other.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	f := c.connect(serveTCP(t, func(conn *net.TCPConn) {
		conn.Write([]byte("first"))
		conn.CloseWrite()
		all, _ := io.ReadAll(conn)
		conn.Close()
		c.t.Logf("the server has got %q", all)
	}))
	f.begun()
	f.until("first")
	if kind, _ := f.next(); kind != wire.TypeEOF {
		t.Errorf("frame %q after the data", kind)
	}
	f.Write([]byte("second"))
	f.eof()
	if kind, _ := f.next(); kind != 0 {
		t.Errorf("frame %q after both directions have ended", kind)
	}

	f = c.connect(serveTCP(t, func(conn *net.TCPConn) {
		all, _ := io.ReadAll(conn)
		conn.Write(append([]byte("got "), all...))
		conn.Close()
	}))
	f.Write([]byte("second"))
	f.eof()
	f.begun()
	if o := f.rest(); o.stdout != "got second" {
		t.Errorf("%q", o.stdout)
	}
}

func TestReset(t *testing.T) {
	c := start(t, Options{})
	f := c.connect(serveTCP(t, func(conn *net.TCPConn) {
		conn.Read(make([]byte, 1))
		conn.SetLinger(0)
		conn.Close()
	}))
	f.begun()
	f.Write([]byte("x"))
	if kind, _ := f.next(); kind != 0 {
		t.Errorf("frame %q of a connection that was reset", kind)
	}
}

func TestUnixConnection(t *testing.T) {
	path := t.TempDir() + "/socket"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	c := start(t, Options{})
	f := c.open(wire.TypeConnect, (&wire.Connect{Network: wire.Unix, Address: path}).Payload())
	f.Write([]byte("text"))
	f.eof()
	f.begun()
	if o := f.rest(); o.stdout != "text" {
		t.Errorf("%q", o.stdout)
	}
}

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := start(t, Options{})
	for _, test := range []struct{ network, address, why string }{
		{wire.TCP, l.Addr().String(), "connection refused"},
		{wire.TCP, "127.0.0.1", "missing port in address"},
		{wire.TCP, "127.0.0.1:99999", "invalid port"},
		{wire.TCP, "", "missing address"},
		{wire.Unix, t.TempDir() + "/none", "no such file or directory"},
		{wire.Unix, "", "no such file or directory"},
		{wire.Unix, "@abstract", "no such file or directory"},
		{"udp", "127.0.0.1:1", "no such network"},
	} {
		f := c.open(wire.TypeConnect, (&wire.Connect{Network: test.network, Address: test.address}).Payload())
		if why := f.failed(); why != test.why {
			t.Errorf("%s %s: %q, not %q", test.network, test.address, why, test.why)
		}
		if kind, _ := f.next(); kind != 0 {
			t.Errorf("frame %q after a failure", kind)
		}
	}
}

// The end of a stream closes its connection, and the end of the line closes all of them.
func TestConnectionsEnd(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	address := serveTCP(t, func(conn *net.TCPConn) {
		io.Copy(io.Discard, conn)
		gone <- struct{}{}
	})
	c := start(t, Options{})
	one, other := c.connect(address), c.connect(address)
	one.begun()
	other.begun()
	one.stream.Close()
	test.Within(t, "the end of one connection", gone)
	c.close()
	test.Within(t, "the end of the other", gone)
}

// If a stream's data is not read, by us or by its peer, no other stream is held up.
func TestStalledStreams(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	c := start(t, Options{})
	silence := make(chan struct{})
	defer close(silence)
	silent := serveTCP(t, func(conn *net.TCPConn) {
		<-silence
		conn.Close()
	})
	flood := serveTCP(t, func(conn *net.TCPConn) {
		for b := make([]byte, 64<<10); ; {
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	})
	for range 20 {
		stalled := c.connect(silent)
		stalled.begun()
		if _, err := stalled.Write(make([]byte, wire.Window)); err != nil { // everything that it may send
			t.Fatal(err)
		}
		c.connect(flood).begun()
		c.exec(wire.Exec{Command: "cat /dev/zero"}).begun()
	}
	f := c.connect(serveTCP(t, echo))
	f.Write([]byte("text"))
	f.eof()
	f.begun()
	if o := f.rest(); o.stdout != "text" {
		t.Errorf("%q", o.stdout)
	}
	if o := c.exec(wire.Exec{Command: "echo text"}); true {
		o.begun()
		if o := o.rest(); o.stdout != "text\n" {
			t.Errorf("%q", o.stdout)
		}
	}
}

// A bridge that sends more than it has credit for loses the stream, and no other.
func TestTooMuchData(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	other := c.connect(serveTCP(t, echo))
	other.begun()
	f := c.exec(wire.Exec{Command: "echo $$; exec sleep 1000"})
	f.begun()
	f.until("\n")
	go func() {
		for f.send(wire.TypeData, make([]byte, wire.MaxData)) == nil {
		}
	}()
	for {
		if kind, _ := f.next(); kind == 0 {
			break
		}
	}
	other.Write([]byte("text"))
	other.until("text")
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	const many = 500 // the program itself is tested with more
	needDescriptors(t, 5*many)
	c := start(t, Options{})
	address := serveTCP(t, echo)
	var all sync.WaitGroup
	problems := make(chan string, many)
	for range many {
		f := c.connect(address)
		all.Add(1)
		go func() {
			defer all.Done()
			f.send(wire.TypeData, []byte("text"))
			kinds := ""
			for range 2 {
				kind, payload := f.next()
				kinds += string(kind) + string(payload)
			}
			if !strings.HasSuffix(kinds, "dtext") {
				problems <- kinds
			}
		}()
	}
	all.Wait()
	close(problems)
	for problem := range problems {
		t.Errorf("%q", problem)
		return
	}
}

// Requests, data and ends that no honest bridge sends.
func TestMalformed(t *testing.T) {
	c := start(t, Options{})
	for _, test := range []struct {
		kind wire.Type
		data string
	}{
		{wire.TypeExec, "x"}, {wire.TypeConnect, ""}, {wire.TypeListen, "\xff\xff\xff\xff"}, {wire.TypeAccept, "1"},
		{wire.TypeData, "x"}, {wire.TypeEOF, ""}, {wire.TypeSignal, "HUP"}, {wire.TypeExit, ""}, {wire.TypeFiles, "x"}, {0, ""}, {255, ""},
	} {
		if kind, payload := c.open(test.kind, []byte(test.data)).next(); kind != 0 {
			t.Errorf("%q is answered by %q %q", test.kind, kind, payload)
		}
	}
	f := c.connect(serveTCP(t, echo))
	f.begun()
	f.eof()
	f.send(wire.TypeData, []byte("x"))
	for {
		if kind, payload := f.next(); kind == 0 {
			break
		} else if kind == wire.TypeData {
			t.Errorf("data after the end went on: %q", payload)
		}
	}
	if why := c.open(wire.TypeAccept, wire.Uint32(0)).failed(); why != "no such listener" {
		t.Errorf("%q", why)
	}
}
