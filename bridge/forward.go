package bridge

import (
	"context"
	"io"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// forwards are the connections that a client has through the instance (direct-tcpip: RFC 4254, section 7.2).
type forwards struct {
	bridge *bridge
	open   atomic.Int32
}

// maxForwards is how many connections there may be at once. Each is a process here and one on the instance, and may have a
// window of data in memory.
const maxForwards = 256

// serve serves a connection from the instance to the destination that the client names. It returns when the connection
// has ended.
func (f *forwards) serve(ctx context.Context, channel ssh.NewChannel) {
	host, port, err := parseDestination(channel.ExtraData())
	if err != nil {
		channel.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	if f.bridge.options.Instance == All {
		channel.Reject(ssh.Prohibited, f.bridge.options.Reason(&AllError{"a tunnel"}))
		return
	}
	defer f.open.Add(-1)
	if f.open.Add(1) > maxForwards {
		channel.Reject(ssh.ResourceShortage, "too many connections through one bridge")
		return
	}
	r, err := f.connect(ctx, host, port)
	if err != nil {
		channel.Reject(ssh.ConnectionFailed, f.bridge.options.Reason(err))
		return
	}
	defer r.command.inner.close()
	ch, requests, err := channel.Accept()
	if err != nil {
		f.bridge.cutOff(r.command)
		return
	}
	defer ch.Close()
	if r.carry(ctx, ch, requests) {
		// Both sides have come to their end: the relay ends by itself.
		ch.Close()
		r.command.inner.stdin.Close()
		select {
		case <-r.command.inner.exited:
			return
		case <-ctx.Done():
		}
	}
	f.bridge.cutOff(r.command)
}

// connect starts a relay on the instance and returns when it is connected. It reads no login files: they are slow, and
// have no say in a connection.
func (f *forwards) connect(ctx context.Context, host string, port int) (*relay, error) {
	end := newMarker()
	command, err := f.bridge.starter.begin(ctx, newScript(relayCommand(host, port, end), nil).withoutLogin())
	if err != nil {
		return nil, err
	}
	connected := make(chan error, 1)
	go func() {
		connected <- awaitConnected(command.stderr)
		io.Copy(io.Discard, command.stderr)
	}()
	select {
	case err = <-connected:
	case <-ctx.Done():
		err = ctx.Err()
	}
	switch {
	case ctx.Err() != nil && err != nil:
		f.bridge.cutOff(command)
	case err != nil:
		command.inner.end()
	}
	return &relay{command, end}, err
}

// relay is a program on the instance that has connected to a destination.
type relay struct {
	command *running
	end     marker // comes after the destination's last byte
}

// carry copies both ways until both have ended, and reports whether they have: it is false when the client has closed the
// channel, or has gone, or the relay ended too early.
func (r *relay) carry(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) bool {
	closed := make(chan struct{})
	go func() {
		ssh.DiscardRequests(requests)
		close(closed)
	}()
	up, down := make(chan struct{}), make(chan bool, 1)
	go func(up chan<- struct{}) {
		defer close(up)
		io.Copy(r.command.inner.stdin, ch)
		r.command.inner.stdin.Close()
	}(up)
	go func() {
		complete, err := copyUntil(ch, r.command.stdout, r.end)
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
			// What the client sent before it closed the channel still goes all the way.
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
