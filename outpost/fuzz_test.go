//go:build linux

package outpost

import (
	"bytes"
	"net"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

// FuzzServe lets a bridge send anything, except requests that would do something on this machine.
func FuzzServe(f *testing.F) {
	request := func(t wire.Type, payload []byte, more string) []byte { return append(t.Frame(nil, payload), more...) }
	f.Add(request(wire.TypeListen, (&wire.Listen{Network: wire.TCP}).Payload(), "e\x00\x00\x00"))
	f.Add(request(wire.TypeAccept, wire.Uint32(1), "d\x00\x00\x01x"))
	f.Add(request(wire.TypeConnect, (&wire.Connect{Network: wire.Unix, Address: "/none"}).Payload(), "d\x00\x00\x01xe\x00\x00\x00e\x00\x00\x00"))
	f.Add(request(wire.TypeExec, []byte("\x00\x00\x00\x01x\xff\xff\xff\xff"), ""))
	f.Add([]byte("F\x00\x00\x00d\x00\x00\x09\x00\x00\x00\x05\x01\x00\x00\x00\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isHarmless(data) {
			return
		}
		near, far := net.Pipe()
		session, err := wire.Near(near)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			Serve(far, Options{})
		}()
		stream, err := session.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		stream.Write(data)
		// Another stream is served whatever the first one sends.
		other, err := session.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		other.SetReadDeadline(time.Now().Add(test.Patience))
		wire.Write(other, wire.TypeAccept, wire.Uint32(0))
		if kind, payload, err := wire.NewReader(other).Read(); err != nil || kind != wire.TypeFailed {
			t.Errorf("%q %q %v", kind, payload, err)
		}
		session.Close()
		test.Within(t, "the end of the outpost", served)
	})
}

// isHarmless reports whether the request that begins a stream runs no command, changes no file, and connects to
// nobody.
func isHarmless(data []byte) bool {
	t, payload, err := wire.NewReader(bytes.NewReader(data)).Read()
	if err != nil {
		return true
	}
	switch t {
	case wire.TypeExec:
		_, err := wire.ParseExec(payload)
		return err != nil
	case wire.TypeConnect:
		c, err := wire.ParseConnect(payload)
		return err != nil || c.Network != wire.TCP && c.Address == "/none"
	case wire.TypeListen:
		l, err := wire.ParseListen(payload)
		return err != nil || l.Network != wire.Unix
	case wire.TypeFiles:
		return len(data) < 22 // too short for a request that names a file
	}
	return true
}
