//go:build unix

package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// wire is the network between the proxy and the gateway. It fails when it is told to.
type wire struct {
	net.Listener
	gateway string

	mu       sync.Mutex
	after    stage
	fault    fault
	reached  chan struct{} // closed when a connection has come that far; later ones fail too
	now      chan struct{} // closed to make the session fail
	released chan struct{} // closed at the end of the test
}

// stage is how far a connection gets before the wire fails: how many of the gateway's messages
// pass.
type stage int

const (
	connected  stage = iota
	identified       // the gateway's identification
	agreed           // its KEXINIT
	replied          // its reply, with the host key
	encrypted        // its NEWKEYS
	inSession        // all, until the wire is told to fail
)

func (s stage) String() string {
	return [...]string{"connected", "identified", "agreed", "replied", "encrypted", "in the session"}[s]
}

// fault decides what happens to a connection. It is called once nothing passes any more, in either
// direction.
type fault func(w *wire, proxy *net.TCPConn)

// faults of the wire.
var (
	resets fault = func(_ *wire, proxy *net.TCPConn) {
		proxy.SetLinger(0)
		proxy.Close()
	}
	closesHalf fault = func(_ *wire, proxy *net.TCPConn) {
		proxy.CloseWrite()
		proxy.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, proxy)
	}
	closesBoth fault = func(_ *wire, proxy *net.TCPConn) { proxy.Close() }
	stalls     fault = func(w *wire, _ *net.TCPConn) { <-w.released }
)

// newWire starts a wire that leads to a gateway.
func newWire(t *testing.T, gateway string, l net.Listener) *wire {
	t.Helper()
	w := &wire{Listener: l, gateway: gateway, released: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		close(w.released)
		l.Close()
		serving.Wait()
	})
	return w
}

// loopback listens on a free port of this machine.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fail sets what happens to the next connection, and when.
func (w *wire) fail(after stage, how fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after, w.fault = after, how
	w.reached, w.now = make(chan struct{}), make(chan struct{})
	if after != inSession {
		close(w.now)
	}
}

// wait waits until a connection has come as far as it should.
func (w *wire) wait(t *testing.T) {
	t.Helper()
	test.Within(t, "a connection that comes so far", w.reached)
}

func (w *wire) serve(proxy *net.TCPConn) {
	defer proxy.Close()
	w.mu.Lock()
	after, fault, reached, now := w.after, w.fault, w.reached, w.now
	w.mu.Unlock()
	conn, err := net.Dial("tcp", w.gateway)
	if err != nil {
		return
	}
	defer conn.Close()
	var up, down sync.WaitGroup
	ended := make(chan struct{}) // by either side, before the fault
	begun := make(chan struct{}) // the proxy has said something, so it is connected
	up.Go(func() {
		first := make([]byte, 1)
		if _, err := io.ReadFull(proxy, first); err == nil {
			close(begun)
			conn.Write(first)
			io.Copy(conn, proxy)
		}
		conn.(*net.TCPConn).CloseWrite()
	})
	down.Go(func() {
		server := bufio.NewReader(conn)
		select {
		case <-begun:
		case <-w.released:
			return
		}
		for at := connected; at < min(after, encrypted); at++ {
			message, err := serverMessage(server, at)
			if err != nil {
				close(ended)
				return
			}
			proxy.Write(message)
		}
		w.mu.Lock()
		select {
		case <-reached:
		default:
			close(reached)
		}
		w.mu.Unlock()
		if after == inSession {
			if _, err := io.Copy(proxy, server); err == nil {
				close(ended)
				proxy.CloseWrite()
			}
		}
	})
	select {
	case <-reached:
		select {
		case <-now:
			// First the gateway's side: it closes once it sees the proxy's end, and that end must not pass.
			past := time.Unix(1, 0)
			conn.SetDeadline(past)
			proxy.SetDeadline(past)
			up.Wait()
			down.Wait()
			fault(w, proxy)
			return
		case <-ended:
		case <-w.released:
		}
	case <-ended:
	case <-w.released:
	}
	select {
	case <-ended: // the proxy gets the end too
	case <-w.released:
		proxy.Close()
		conn.Close()
	}
	up.Wait()
	down.Wait()
}

// serverMessage reads the next message of a server: first its identification, then binary packets
// (RFC 4253, section 6).
func serverMessage(r *bufio.Reader, at stage) ([]byte, error) {
	if at == connected {
		return r.ReadBytes('\n')
	}
	length, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 4+binary.BigEndian.Uint32(length))
	_, err = io.ReadFull(r, message)
	return message, err
}
