package proxycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// conversation carries out the judge's decisions between a client and a server, both read in the background.
type conversation struct {
	judge          *handshake
	client, server *peer
	stdout         io.Writer
	conn           *net.TCPConn
	remember       func(hostKey []byte) // called with the pinned key before the client sees it

	clientIdentification []byte
	identified           bool      // the client has the server's identification
	up                   *upstream // once the client has sent NEWKEYS
}

// run returns once the server's NEWKEYS has been passed on. By then, everything the client sends after its own
// NEWKEYS is already being relayed. The timeout applies to each message from the server that it waits for.
func (c *conversation) run(ctx context.Context, timeout time.Duration) error {
	fromClient, fromServer := c.client.events, c.server.events
	var upEnded chan struct{}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for turn := c.judge.turn(); !c.judge.complete; {
		var err error
		select {
		case e, ok := <-fromClient:
			if ok {
				err = c.fromClient(e)
			} else {
				fromClient = nil // NEWKEYS was the last event
			}
		case e, ok := <-fromServer:
			if ok {
				err = c.fromServer(e)
			} else {
				fromServer = nil // the server's NEWKEYS was its last event too; it waits for the client's
			}
		case <-upEnded:
			if c.up.left() {
				return errClientGone
			}
			if fromServer == nil {
				return serverError(io.EOF, true)
			}
			upEnded = nil // the server accepts no more; its last words have yet to be read
		case <-timer.C:
			return c.silence(timeout)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if writeErr := c.flush(); err == nil && writeErr != nil {
			err = errClientGone
		}
		if err != nil {
			return err
		}
		if c.judge.clientNewKeys && c.up == nil {
			c.up = relayUp(c.conn, c.client.reader, c.client.source)
			upEnded = c.up.ended
		}
		if now := c.judge.turn(); now != turn {
			turn = now
			timer.Stop()
			if turn != 0 {
				timer.Reset(timeout)
			}
		}
	}
	return nil
}

// fromClient handles what the client sent.
func (c *conversation) fromClient(e event) error {
	switch {
	case e.err != nil:
		return clientError(e.err)
	case e.identification != nil:
		c.clientIdentification = e.identification
		c.judge.toServer = append(c.judge.toServer, e.identification...)
		return nil
	}
	return c.judge.fromClient(e.packet)
}

// fromServer handles what the server sent.
func (c *conversation) fromServer(e event) error {
	switch {
	case e.err != nil && c.up.left():
		return errClientGone
	case e.err != nil:
		return serverError(e.err, c.identified)
	case e.identification != nil:
		c.judge.progress.tell("the server identifies itself as %s", escape(e.identification))
		c.judge.toClient = append(c.judge.toClient, e.identification...)
		c.identified = true
		return nil
	}
	return c.judge.fromServer(e.packet)
}

// silence describes a server that did not answer in time.
func (c *conversation) silence(timeout time.Duration) error {
	if first := c.server.first.Load(); first != nil && !c.identified {
		return notSSH(*first)
	}
	return fmt.Errorf("%w within %v", ErrTimeout, timeout)
}

// flush sends what the last message let through. A host key is remembered first: ssh looks it up as soon as it sees
// it. Only the client's write can return an error: a server that accepts no more has closed the connection, and what
// it sent before that has yet to be read.
func (c *conversation) flush() error {
	h := c.judge
	if h.hostKey != nil {
		c.remember(h.hostKey)
		h.hostKey = nil
	}
	if len(h.toServer) > 0 {
		c.conn.Write(h.toServer)
		h.toServer = nil
	}
	if len(h.toClient) > 0 {
		if _, err := c.stdout.Write(h.toClient); err != nil {
			return err
		}
		h.toClient = nil
	}
	return nil
}

// clientError distinguishes a client that left from one that talks nonsense.
func clientError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errClientGone
	}
	return &ClientError{err}
}

// serverError describes the end of the server's stream.
func serverError(err error, identified bool) error {
	reset := new(net.OpError)
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &reset):
		return err
	case !identified:
		return fmt.Errorf("%w before it said anything", ErrClosed)
	}
	return fmt.Errorf("%w during the handshake", ErrClosed)
}
