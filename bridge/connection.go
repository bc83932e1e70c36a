package bridge

import (
	"context"
	"io"

	"clever-ssh/outpost/wire"

	"golang.org/x/crypto/ssh"
)

// connection connects a channel of the client to a stream of the outpost. Either side may have asked for it.
type connection struct {
	stream *stream
}

// carry copies both ways until both have ended, or the client closes the channel or goes, or the other side
// ends the connection.
func (c *connection) carry(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	defer c.stream.close()
	defer context.AfterFunc(ctx, c.stream.close)()
	sent := make(chan struct{})
	go func() {
		c.stream.sendAll(ch)
		close(sent)
	}()
	go func() {
		ssh.DiscardRequests(requests)
		// The client has closed the channel. Whatever it sent before still goes all the way.
		<-sent
		c.stream.drain(ctx)
		c.stream.close()
	}()
	c.receive(ch)
}

// cutOff ends the connection.
func (c *connection) cutOff() { c.stream.close() }

// receive passes on what comes, until the stream ends.
func (c *connection) receive(ch ssh.Channel) {
	unread := false
	in := wire.NewInbox(c.stream.give)
	in.Start(func(t wire.Type, data []byte) {
		if t == wire.TypeEOF {
			ch.CloseWrite()
		} else if !unread {
			_, err := ch.Write(data)
			unread = err != nil
		}
	}, nil)
	defer in.Wait()
	for {
		t, payload, err := c.stream.next()
		if err == nil {
			switch t {
			case wire.TypeData, wire.TypeEOF:
				err = in.Add(t, payload)
			case wire.TypeNote:
			default:
				err = wire.ErrMalformed
			}
		}
		if err != nil {
			return
		}
	}
}

// drain waits until the outpost has passed on everything that was sent, or the stream has ended.
func (s *stream) drain(ctx context.Context) {
	defer context.AfterFunc(ctx, s.close)()
	s.credit.AwaitAll()
}

// connectFromOutpost has the outpost at the end of a stream connect to an address, and waits for the connection.
func connectFromOutpost(ctx context.Context, conn io.ReadWriteCloser, d destination) (*connection, error) {
	s, err := openStream(conn, wire.TypeConnect, (&wire.Connect{Network: d.network, Address: d.address()}).Payload())
	if err != nil {
		return nil, ErrBroken
	}
	stop := context.AfterFunc(ctx, s.close)
	_, err = s.begun()
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return &connection{s}, nil
}
