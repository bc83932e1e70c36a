package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"clever-ssh/outpost/wire"

	"golang.org/x/crypto/ssh"
)

// Tunnel carries connections of this program itself to any place that the instance can connect to, as Serve
// does for a client's connections. Its methods may be called from several goroutines.
type Tunnel struct{ forwards forwards }

// NewTunnel makes a tunnel through the instance that the options lead to. It connects to nothing yet.
func NewTunnel(o Options) *Tunnel { return &Tunnel{forwards{bridge: newBridge(o)}} }

// Carry connects from the instance to a port of a host, and copies both ways between that connection and conn
// until both have ended, or ctx is done. It closes conn. The error says why there is no connection: it is one
// of Run's if the instance cannot be reached, or says that the instance cannot connect, that host or port is not
// valid, or that there are too many connections.
func (t *Tunnel) Carry(ctx context.Context, conn *net.TCPConn, host string, port uint16) error {
	defer conn.Close()
	if err := CheckDestination(host, uint32(port)); err != nil {
		return err
	}
	if t.forwards.bridge.options.Instance == All {
		return &AllError{"a tunnel"}
	}
	defer t.forwards.open.Add(-1)
	if t.forwards.open.Add(1) > maxForwards {
		return errTooMany
	}
	c, err := t.forwards.connect(ctx, destination{network: wire.TCP, host: host, port: int(port)})
	if err != nil {
		return err
	}
	ch := &ownChannel{conn: conn, requests: make(chan *ssh.Request)}
	defer ch.broken()
	c.carry(ctx, ch, ch.requests)
	return nil
}

// Close ends a tunnel's background work, once its connections have ended.
func (t *Tunnel) Close() { t.forwards.bridge.wait(0) }

// ownChannel is a connection of this program itself in place of a client's channel. Like a channel, it counts
// as closed by its peer once it can no longer be read or written.
type ownChannel struct {
	conn     *net.TCPConn
	requests chan *ssh.Request // there are none
	once     sync.Once
}

func (c *ownChannel) broken() { c.once.Do(func() { close(c.requests) }) }

func (c *ownChannel) Read(b []byte) (int, error) {
	n, err := c.conn.Read(b)
	if err != nil && err != io.EOF {
		c.broken()
	}
	return n, err
}

func (c *ownChannel) Write(b []byte) (int, error) {
	n, err := c.conn.Write(b)
	if err != nil {
		c.broken()
	}
	return n, err
}

func (c *ownChannel) Close() error      { return c.conn.Close() }
func (c *ownChannel) CloseWrite() error { return c.conn.CloseWrite() }

func (c *ownChannel) SendRequest(string, bool, []byte) (bool, error) {
	return false, errors.ErrUnsupported
}

func (c *ownChannel) Stderr() io.ReadWriter { return nil }
