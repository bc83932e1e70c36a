package bridge

import (
	"context"
	"io"

	"golang.org/x/crypto/ssh"
)

// forward serves a direct-tcpip channel (RFC 4254, section 7.2): a connection from the instance to a destination that
// the client names. It returns when the connection has ended.
func (c *client) forward(ctx context.Context, channel ssh.NewChannel) {
	var request struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &request); err != nil {
		channel.Reject(ssh.ConnectionFailed, "the request is malformed")
		return
	}
	if err := checkDestination(request.Host, request.Port); err != nil {
		channel.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	if c.forwards.Add(1) > maxForwards {
		c.forwards.Add(-1)
		channel.Reject(ssh.ResourceShortage, "too many connections through one bridge")
		return
	}
	defer c.forwards.Add(-1)
	relay, end, err := c.connect(ctx, request.Host, int(request.Port))
	if err != nil {
		channel.Reject(ssh.ConnectionFailed, c.Reason(err))
		return
	}
	defer relay.close()
	ch, requests, err := channel.Accept()
	if err != nil {
		relay.end()
		c.hangUp(relay.process)
		return
	}
	defer ch.Close()
	if c.carry(ctx, ch, requests, relay, end) {
		// Both sides have come to their end: the relay ends by itself.
		ch.Close()
		relay.stdin.Close()
		select {
		case <-relay.exited:
			return
		case <-ctx.Done():
		}
	}
	relay.end()
	c.hangUp(relay.process)
}

// maxForwards is how many connections there may be at once. Each is a process here and one on the instance, and may
// have a window of data in memory.
const maxForwards = 256

// connect starts a relay on the instance and returns when it is connected. No login files are read: they are slow, and
// the destination is not their affair.
func (c *client) connect(ctx context.Context, host string, port int) (relay *begun, end marker, err error) {
	end = newMarker()
	s := newScript(relayCommand(host, port, end), nil).withoutLogin()
	if relay, err = c.beginInTurn(ctx, s); err != nil {
		return nil, end, err
	}
	connected := make(chan error, 1)
	go func(stderr io.Reader) {
		connected <- awaitConnected(stderr)
		io.Copy(io.Discard, stderr)
	}(relay.stderr)
	select {
	case err = <-connected:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		relay.end()
		if ctx.Err() != nil {
			c.hangUp(relay.process)
		}
		return nil, end, err
	}
	return relay, end, nil
}

// carry copies both ways until both have ended, and reports whether they have: it is false when the client has closed
// the channel, or has gone, or the relay has ended before it was done.
func (c *client) carry(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request, relay *begun, end marker) bool {
	closed := make(chan struct{})
	go func() {
		ssh.DiscardRequests(requests)
		close(closed)
	}()
	up, down := make(chan struct{}), make(chan bool, 1)
	go func(up chan<- struct{}) {
		defer close(up)
		io.Copy(relay.inner.stdin, ch)
		relay.inner.stdin.Close()
	}(up)
	go func() {
		complete, err := copyUntil(ch, relay.stdout, end.String())
		if complete {
			err = ch.CloseWrite()
		}
		down <- complete && err == nil
	}()
	ended := false // what the destination sends
	for up != nil || !ended {
		select {
		case <-up:
			up = nil
		case ended = <-down:
			if !ended {
				return false
			}
		case <-closed:
			// What the client has sent before goes all the way.
			if up == nil {
				return ended
			}
			select {
			case <-up:
				return ended
			case <-ctx.Done():
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}
