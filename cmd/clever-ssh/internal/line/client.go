package line

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/outpost/wire"
)

// Suffix ends the name of each line's socket.
const Suffix = ".line"

// Socket returns the path of the socket of the line to a target, for the logins that share base. Each version
// of the wire has its own. The path is 17 characters longer than base, as long as ssh makes that of a control
// socket for a while: what fits for one fits for both.
func Socket(base, target string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", wire.Version, target))
	return base + "." + base64.RawURLEncoding.EncodeToString(sum[:8]) + Suffix
}

// Shared holds the lines of a login. A process keeps each line, and is started if it is missing. Shared is a
// bridge.Line.
type Shared struct {
	Base  string                            // of the sockets
	Begin func(target, socket string) error // starts the process for a target; it may return before the process is ready
	Step  func(format string, a ...any)

	mu      sync.Mutex
	started map[string]time.Time
}

// startTime is how long a process may take to make its socket.
const startTime = 10 * time.Second

// waitTime bounds the wait for an outpost. Each step on its way to the instance has a bound of its own.
const waitTime = 10 * time.Minute

// Open opens a stream to the outpost on the instance that a target leads to.
func (s *Shared) Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	socket := Socket(s.Base, target)
	order := byte(orderOpen)
	if wait {
		order = orderWait
	}
	for until := time.Now().Add(startTime); ; {
		conn, err := dial(socket)
		if err == nil {
			stream, err := s.order(ctx, conn, order)
			if err != errNoReply { // otherwise the line has just ended
				return stream, err
			}
		}
		if err := s.begin(target, socket); err != nil {
			return nil, err
		}
		if !wait {
			return nil, bridge.ErrNotYet
		}
		if time.Now().After(until) {
			return nil, errNoReply
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// begin starts the process for a target, unless it was started just now.
func (s *Shared) begin(target, socket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.started[target]) < time.Second {
		return nil
	}
	if s.started == nil {
		s.started = map[string]time.Time{}
	}
	s.started[target] = time.Now()
	s.Step("starting the background connection to the outpost")
	return s.Begin(target, socket)
}

// order sends an order for a stream to the process.
func (s *Shared) order(ctx context.Context, conn net.Conn, order byte) (io.ReadWriteCloser, error) {
	limit := orderTime
	if order == orderWait {
		limit = waitTime
	}
	conn.SetDeadline(time.Now().Add(limit))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	t, text, err := reply(conn, order)
	if !stop() {
		return nil, ctx.Err()
	}
	switch {
	case err != nil:
		err = errNoReply
	case t == wire.TypeNote:
		err = bridge.ErrNotYet
	case t == wire.TypeFailed:
		s.Step("no outpost: %s", text)
		err = errors.New(text)
	case t != wire.TypeBegun:
		err = errNoReply
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	s.Step("running it through the outpost")
	return conn, nil
}

// dial connects to a socket, and makes sure that a process of this account listens there.
func dial(socket string) (net.Conn, error) {
	conn, err := net.DialTimeout("unix", socket, orderTime)
	if err != nil {
		return nil, err
	}
	if err := ownPeer(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
