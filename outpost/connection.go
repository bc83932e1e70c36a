//go:build linux

package outpost

import (
	"context"
	"net"
	"syscall"
	"time"

	"clever-ssh/outpost/wire"
)

// dialTimeout is how long a connection may take.
const dialTimeout = 30 * time.Second

// connection is a TCP or Unix socket connection.
type connection interface {
	net.Conn
	CloseWrite() error
	SyscallConn() (syscall.RawConn, error)
}

// connect serves a connection to an address.
func (s *stream) connect(request *wire.Connect) {
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan struct{})
	go func() {
		conn := s.dial(ctx, request)
		if conn == nil {
			close(finished)
			return
		}
		// A new goroutine has a small stack. One that has dialed has a large stack, and there may be many
		// connections at once.
		go func() {
			defer close(finished)
			s.carry(ctx, conn, wire.Begun{})
		}()
	}()
	s.receive(nil)
	cancel()
	<-finished
}

// dial makes a connection. If that fails, it tells the bridge why and returns nil.
func (s *stream) dial(ctx context.Context, request *wire.Connect) connection {
	if request.Network != wire.TCP && request.Network != wire.Unix {
		s.fail("no such network")
		return nil
	}
	// Go takes @ for the abstract namespace.
	if request.Network == wire.Unix && (request.Address == "" || request.Address[0] == '@') {
		s.fail("no such file or directory")
		return nil
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, request.Network, request.Address)
	if err != nil {
		s.fail(reason(err))
		return nil
	}
	return conn.(connection)
}

// carry says that a connection has begun, and carries it until both directions have ended, or ctx is done. Then
// it closes the connection.
func (s *stream) carry(ctx context.Context, conn connection, b wire.Begun) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil || s.begun(b) != nil {
		s.end()
		return
	}
	delivered := make(chan struct{})
	s.deliver(conn, func() { close(delivered) })
	if s.pump(wire.TypeData, raw) != nil || s.write(wire.TypeEOF, nil) != nil {
		s.end()
		return
	}
	select {
	case <-delivered:
	case <-s.ended:
	}
	s.end()
}
