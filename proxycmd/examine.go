package proxycmd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"clever-ssh/config"

	"golang.org/x/crypto/ssh"
)

// This file is for finding out why a connection fails: it tries each part of the way to a gateway alone.

// FirstHop returns where a connection to a gateway begins: at the gateway, or at the proxy on the way.
func FirstHop(g *config.Gateway) (host string, port uint16) {
	u := g.Via.URL()
	if u == nil {
		return g.Address.Host, g.Address.Port
	}
	n, _ := strconv.ParseUint(u.Port(), 10, 16) // checked by config
	return u.Hostname(), uint16(n)
}

// Addresses resolves a host as Connect does and returns its addresses in the order in which Connect tries them.
func Addresses(ctx context.Context, host string) ([]netip.Addr, error) { return lookup(ctx, host) }

// Reached is an attempt to connect.
type Reached struct {
	Address netip.AddrPort
	Took    time.Duration
	Err     error // nil if something listens there
}

// Reach connects to all addresses at once, for as long as ctx lasts, and hangs up again.
func Reach(ctx context.Context, addresses []netip.Addr, port uint16) []Reached {
	list := make([]Reached, len(addresses))
	var all sync.WaitGroup
	for i, a := range addresses {
		all.Go(func() {
			begin := time.Now()
			r := Reached{Address: netip.AddrPortFrom(a, port)}
			conn, err := new(net.Dialer).DialContext(cancelOnly{ctx}, "tcp", r.Address.String())
			if r.Took = time.Since(begin); err == nil {
				conn.Close()
			} else if r.Err = orCause(ctx, err); r.Err == err {
				r.Err = dialFailure([]error{err})
			}
			list[i] = r
		})
	}
	all.Wait()
	return list
}

// ErrNoHostKey says that a server has no host key for the requested algorithms.
var ErrNoHostKey = errors.New("the server has no such host key")

// HostKey fetches a gateway's host key with one handshake that allows only these algorithms. It takes the same path
// as every connection, with a client that leaves once the gateway has proven that it holds the key and the key is
// pinned: nobody logs in. The errors are those of Connect: a [*DialError], [*HandshakeError] or [*HostKeyError]. If the
// gateway has no key for these algorithms, it is [ErrNoHostKey].
func HostKey(ctx context.Context, g *config.Gateway, algorithms ...string) (ssh.PublicKey, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, helper := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		defer helper.Close()
		ended <- Connect(ctx, g, helper, helper, Options{})
	}()
	errSeen := errors.New("the key is known now")
	var found ssh.PublicKey
	_, _, _, err := ssh.NewClientConn(client, g.Address.HostPort(), &ssh.ClientConfig{
		User:              g.Address.User,
		HostKeyAlgorithms: algorithms,
		// Called once the signature has been verified.
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			found = key
			return errSeen
		},
	})
	client.Close()
	refused := <-ended
	none := new(ssh.AlgorithmNegotiationError)
	switch {
	case errors.Is(err, errSeen) && g.Pinned(config.Fingerprint(found.Marshal())):
		return found, nil
	case errors.As(err, &none) && none.What == "host key":
		return nil, ErrNoHostKey
	case refused != nil:
		return nil, refused
	}
	return nil, &HandshakeError{Address: g.Address.HostPort(), Err: err}
}
