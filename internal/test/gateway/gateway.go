// Package gateway imitates Clever Cloud's SSH gateway on this machine, for tests and for the demo:
// the same user, authentication, host key types, menu, questions, noise and errors. Sessions run a
// real bash in a real pseudo-terminal. It imitates what is publicly known of the gateway, and
// refuses what is not known.
//
// Everybody who logs in gets a shell of the account that runs the program, so it listens on
// loopback addresses only.
//
//	g := &gateway.Gateway{Accounts: []gateway.Account{{
//		Keys: []ssh.PublicKey{key},
//		Organisations: []gateway.Organisation{{Name: "Acme", Applications: []gateway.Application{{
//			Name: "web", ID: "app_x",
//			Instances: []gateway.Instance{{ID: "11281f38-31ff-43a7-8595-a2d82630c32b", Name: "Sleepy Ponita"}},
//		}}}},
//	}}}
//	if err := g.Start("127.0.0.1:0"); err != nil { … }
//	defer g.Close()
//	// ssh -t -p <port of g.Addr()> ssh@127.0.0.1 app_x
package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Gateway is one fake gateway. Its zero value is a gateway without accounts, which refuses everybody. It reads the
// fields while it runs: set them before Start and do not touch them until Close has returned. Only SetInstances may
// change the instances in between. A Gateway is started once. After Start its methods may be called from several
// goroutines.
type Gateway struct {
	// Accounts may log in, each with its own keys. The key, not the login, selects the account.
	Accounts []Account

	// AnyKey, if it is not nil, is the account for every key that is not in Accounts. If it is nil, such keys are
	// refused.
	AnyKey *Account

	// HostKeys are presented to clients, one for each key type. If there are none, Start makes a fresh ED25519 and a
	// fresh RSA key of 2048 bits, the types that the real gateway has, and stores them here. Making the RSA key takes
	// a noticeable part of a second; many gateways in one test share theirs through NewHostKeys.
	HostKeys []ssh.Signer

	// KeyExchanges are the only key exchange methods offered, in this order; nil means the defaults of
	// golang.org/x/crypto/ssh.
	KeyExchanges []string

	// Fail is where every connection breaks off; the zero value is Nowhere.
	Fail Stage

	// Otherwise says how it differs from what is known of the real one.
	Otherwise

	// Log, if it is not nil, receives what happens, one line at a time without its line end, from several goroutines
	// at once. It is not called again once Close has returned.
	Log func(format string, args ...any)

	listener net.Listener
	homes    string // the folder of the instances' home folders
	closing  sync.Once
	closeErr error
	work     sync.WaitGroup // the accepting goroutine and those of the connections

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool // so that Close can end them
	events Events
	visits map[*visit]bool // the sessions on an instance
	turn   int             // for Otherwise.Scatters
}

// Start listens on addr, a "host:port" with a loopback address for a host (port 0 means any free one), and serves
// connections until Close. It returns an error if addr is not a loopback address or not free, if an application or
// instance id does not have the gateway's form, or if a key exchange method is unknown.
func (g *Gateway) Start(addr string) error {
	if g.listener != nil {
		return errors.New("the gateway was started before")
	}
	if err := g.checkIDs(); err != nil {
		return err
	}
	if err := g.checkKeyExchanges(); err != nil {
		return err
	}
	// The name is resolved once, so that the address checked is the address listened on.
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return fmt.Errorf("resolving %s: %w", addr, err)
	}
	if !tcp.IP.IsLoopback() {
		return fmt.Errorf("refusing to listen on %s: it is not a loopback address, and a shell is behind it", addr)
	}
	if len(g.HostKeys) == 0 {
		if g.HostKeys, err = NewHostKeys(); err != nil {
			return err
		}
	}
	homes, err := os.MkdirTemp("", "fakegateway-")
	if err != nil {
		return fmt.Errorf("making the folder of the instances: %w", err)
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		os.Remove(homes)
		return err
	}
	g.listener, g.homes, g.open = listener, homes, make(map[net.Conn]bool)
	g.work.Go(g.accept)
	return nil
}

// Addr returns the "host:port" that the gateway listens on. Before Start it is empty.
func (g *Gateway) Addr() string {
	if g.listener == nil {
		return ""
	}
	return g.listener.Addr().String()
}

// Close stops listening, breaks all connections, and hangs up on the shells behind them. It returns when they and all
// goroutines have ended and the instances' home folders are removed. Whatever ignores the hang-up is killed a second
// later. The error comes from removing the folders, or from closing the listener. Closing again does nothing and
// returns the same error; closing a gateway that was not started does nothing.
func (g *Gateway) Close() error {
	if g.listener == nil {
		return nil
	}
	g.closing.Do(func() {
		err := g.listener.Close()
		g.mu.Lock()
		g.closed = true
		for conn := range g.open {
			conn.Close()
		}
		g.mu.Unlock()
		g.work.Wait()
		g.closeErr = errors.Join(err, os.RemoveAll(g.homes))
	})
	return g.closeErr
}

// accept serves connections until the listener is closed.
func (g *Gateway) accept() {
	for {
		conn, err := g.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Most likely too many open files: others will be closed.
			g.logf("accepting a connection: %v", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if !g.enter(conn) {
			conn.Close()
			return
		}
		g.work.Go(func() {
			defer g.leave(conn)
			g.serve(conn.(*net.TCPConn))
		})
	}
}

// enter registers a connection for Close. It returns false if Close has begun.
func (g *Gateway) enter(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.open[conn] = true
	g.events.Connections++
	return true
}

// leave closes a connection that enter registered.
func (g *Gateway) leave(conn net.Conn) {
	conn.Close()
	g.mu.Lock()
	delete(g.open, conn)
	g.mu.Unlock()
}

func (g *Gateway) logf(format string, args ...any) {
	if g.Log != nil {
		g.Log(format, args...)
	}
}
