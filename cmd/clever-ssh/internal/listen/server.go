// Package listen is an SSH server on the loopback addresses of this machine, for programs that cannot start a
// ProxyCommand. Every account on the machine can connect, and so can a web page, but only clients that hold one
// of this account's keys get in. Package bridge serves each client, for the alias in its user name.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"golang.org/x/crypto/ssh"
)

// Server serves clients.
type Server struct {
	HostKeys []ssh.Signer

	// Keys returns the fingerprints of this account's keys.
	Keys func(context.Context) []string

	// Open finds the way for a client that has proved that it holds one of the keys. alias is what its user
	// name stands for. Serve calls done when the client has gone. ctx is done as soon as it has, even while Open
	// still logs in for it.
	Open func(ctx context.Context, user string) (alias string, o bridge.Options, done func(), err error)

	// Log gets messages about who logs in and leaves, and who is refused.
	Log io.Writer

	mu      sync.Mutex
	waiting []net.Conn // clients that are not let in yet, the oldest first
	period  time.Time  // the start of the current refusedTime
	refused int        // how many refusals it has logged in that time
}

const (
	// maxTries is how many keys a client may offer. An agent may hold more than the six that sshd allows.
	maxTries = 20
	// loginTime is how long a client may take to prove that it holds a key.
	loginTime = 30 * time.Second
	// maxWaiting is how many clients may be doing that at once.
	maxWaiting = 32
	// maxRefused is how many refusals are logged within refusedTime: otherwise anybody could fill the log.
	maxRefused  = 10
	refusedTime = 10 * time.Second
	// acceptTime is how long to wait after an error of accept: perhaps no descriptors were left.
	acceptTime = 50 * time.Millisecond
)

// Serve serves clients until ctx is done, and returns when all have gone.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, l := range listeners {
		context.AfterFunc(ctx, func() { l.Close() })
		all.Go(func() {
			for {
				conn, err := l.Accept()
				switch {
				case errors.Is(err, net.ErrClosed):
					return
				case err != nil:
					time.Sleep(acceptTime)
				default:
					s.enqueue(conn)
					all.Go(func() { s.serve(ctx, conn) })
				}
			}
		})
	}
}

// enqueue adds a client that is not let in yet. If there are too many, the oldest has to go. With a mere limit,
// anybody who opens that many connections and does nothing would keep everybody else out.
func (s *Server) enqueue(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == maxWaiting {
		s.waiting[0].Close()
		s.waiting = s.waiting[1:]
	}
	s.waiting = append(s.waiting, conn)
}

// dequeue removes a client that was let in or has gone, and reports whether it was still there.
func (s *Server) dequeue(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.waiting)
	s.waiting = slices.DeleteFunc(s.waiting, func(c net.Conn) bool { return c == conn })
	return len(s.waiting) < before
}

// serve serves one client.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer s.dequeue(conn)
	slow := time.AfterFunc(loginTime, func() { conn.Close() })
	defer slow.Stop()
	present, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	d := &door{server: s, ctx: ctx, present: present, conn: conn, inTime: func() bool { return s.dequeue(conn) && slow.Stop() }}
	err := bridge.ServeConn(ctx, &strict{Conn: conn}, d.config(), func() bridge.Options { return d.options }, func() { leave(errLeft) })
	switch {
	case d.alias != "":
		d.done()
		ui.Note(s.Log, "%s: %s left", d.alias, conn.RemoteAddr())
	case ctx.Err() == nil && d.user != "":
		s.sayRefused(conn, d, err)
	}
}

// sayRefused logs why a client was not let in.
func (s *Server) sayRefused(conn net.Conn, d *door, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := fmt.Sprintf("%s: refused %s", conn.RemoteAddr(), quote.Short(d.user, 60))
	if d.failed != nil {
		ui.Note(s.Log, "%s, which has one of your keys", user)
		ui.Error(s.Log, d.failed)
		return
	}
	if now := time.Now(); now.Sub(s.period) > refusedTime {
		s.period, s.refused = now, 0
	}
	if s.refused++; s.refused > maxRefused {
		return
	}
	switch {
	case d.key == "":
		err = ui.Hint(fmt.Errorf("%s, which offered no key", user), "passwords are not accepted: in the program, choose the agent or a key file to log in with")
	case !d.known:
		err = ui.Hint(fmt.Errorf("%s, whose key %s is not yours", user, d.key), Yours)
	default:
		err = fmt.Errorf("%s, which did not prove that it holds the key %s: %w", user, d.key, err)
	}
	ui.Error(s.Log, err)
}
