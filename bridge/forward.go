package bridge

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"clever-ssh/outpost/wire"

	"golang.org/x/crypto/ssh"
)

// forwards are a client's connections through the instance (RFC 4254, section 7.2; OpenSSH's PROTOCOL, section
// 2.4).
type forwards struct {
	bridge *bridge
	open   atomic.Int32
	relays atomic.Int32 // connected or about to be
}

// maxForwards is how many connections there may be at once, and maxRelays how many of them without the outpost, apart
// from those that are about to begin (maxStarting). Each relay is a process here and one on the instance. Every connection may have a window of data in memory.
const (
	maxForwards = 4096
	maxRelays   = 256
)

// errTooMany means that a client wants more connections than it may have.
var errTooMany = errors.New("too many connections through one ssh")

// forward is a connection from the instance to a destination.
type forward interface {
	// carry copies both ways until both have ended, the client closes the channel, or ctx is done. Then it closes the
	// connection, and the channel.
	carry(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request)

	// cutOff ends a connection that will not be carried.
	cutOff()
}

// serve serves a connection from the instance to the destination that the client names. It returns when the connection
// has ended.
func (f *forwards) serve(ctx context.Context, channel ssh.NewChannel) {
	d, err := parseDestination(channel.ChannelType(), channel.ExtraData())
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
		channel.Reject(ssh.ResourceShortage, errTooMany.Error())
		return
	}
	c, err := f.connect(ctx, d)
	if err != nil {
		channel.Reject(ssh.ConnectionFailed, f.bridge.options.Reason(err))
		return
	}
	ch, requests, err := channel.Accept()
	if err != nil {
		c.cutOff()
		return
	}
	c.carry(ctx, ch, requests)
}

// connect connects to a destination, through the outpost if one is running. Without it, relays carry TCP only.
func (f *forwards) connect(ctx context.Context, d destination) (c forward, err error) {
	s, end := f.bridge.starter, newMarker()
	needed := d.network != wire.TCP
	var failed error // from the shell, where only an outpost can do better
	j, err := s.try(ctx, newScript("", nil).withoutLogin(), func(ctx context.Context, script *script, target string) (job, error) {
		for {
			conn, err := s.opener.open(ctx, target, needed || failed != nil)
			if err == nil {
				s.chooser.passedBy(target)
				var far *connection
				if far, err = connectFromOutpost(ctx, conn, d); err == nil {
					c = far
				}
			}
			switch {
			case err == nil, isOutpostFailure(err), ctx.Err() != nil:
				return nil, err
			case needed:
				return nil, s.opener.withoutOutpost(ctx, "a Unix socket", err)
			case failed != nil:
				return nil, failed
			case f.relays.Load() >= maxRelays:
				return nil, errTooMany
			}
			script.command = relayCommand(d.host, d.port, end)
			j, err := s.onChosen(ctx, script, target)
			if err == errThereNow {
				script = script.again()
				script.unwatched = true
			} else if err != nil && wayAround(err) && s.opener.options.Line != nil {
				failed = err
			} else {
				return j, err
			}
		}
	})
	if err != nil || c != nil {
		return c, err
	}
	f.relays.Add(1) // it may take long to connect
	r, err := f.startRelay(ctx, j.(*running), end)
	if err != nil {
		f.relays.Add(-1)
		return nil, err
	}
	return r, nil
}

// startRelay waits until a relay that was started on the instance is connected. The relay read no login files:
// they are slow, and do not matter for a connection.
func (f *forwards) startRelay(ctx context.Context, command *running, end marker) (*relay, error) {
	connected := make(chan error, 1)
	go func() {
		connected <- awaitConnected(command.stderr)
		io.Copy(io.Discard, command.stderr)
	}()
	select {
	case err := <-connected:
		if err != nil {
			command.inner.end()
			return nil, err
		}
	case <-ctx.Done():
		command.cutOff()
		return nil, ctx.Err()
	}
	return &relay{command, end, f}, nil
}

// relay is a program on the instance that has connected to a destination.
type relay struct {
	command  *running
	end      marker // comes after the destination's last byte
	forwards *forwards
}

func (r *relay) cutOff() {
	r.forwards.relays.Add(-1)
	r.command.cutOff()
}

func (r *relay) carry(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) {
	defer ch.Close()
	sent, received := r.copy(ctx, ch, requests)
	if sent {
		ch.Close()
		r.command.inner.stdin.Close()
		var late <-chan time.Time
		if !received {
			late = time.After(relayGrace)
		}
		select {
		case <-r.command.inner.exited:
			r.forwards.relays.Add(-1)
			r.command.inner.close()
			return
		case <-late:
		case <-ctx.Done():
		}
	}
	r.cutOff()
}

// relayGrace is how long a relay may take to pass on the last bytes of a client that has closed its channel. A relay
// ends by itself after that if the destination ends the connection, too. If the destination does not, or the relay
// cannot tell it of the client's end, the relay stays for that long.
const relayGrace = 10 * time.Second

// copy copies both ways until both have ended, or the client closes the channel. It reports whether the inner ssh has
// got everything that the client sent, and whether the destination has ended. Nothing is certain if the client is
// gone, or the relay ended too early.
func (r *relay) copy(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) (sent, received bool) {
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
		complete, _ := copyUntil(&untilClosed{to: ch}, r.command.stdout, r.end)
		if complete {
			ch.CloseWrite()
		}
		down <- complete
	}()
	for up != nil || !received {
		select {
		case <-up:
			up = nil
		case received = <-down:
			if !received {
				return false, false
			}
		case <-closed:
			// Whatever the client sent before it closed the channel still goes all the way.
			if up == nil {
				return true, received
			}
			select {
			case <-up:
				return true, received
			case <-ctx.Done():
				return false, false
			}
		case <-ctx.Done():
			return false, false
		}
	}
	return true, true
}

// untilClosed writes to a channel until it is closed, and after that drops what is written: a relay whose output
// nobody takes may not read its input either.
type untilClosed struct {
	to     ssh.Channel
	closed bool
}

func (w *untilClosed) Write(data []byte) (int, error) {
	if !w.closed {
		_, err := w.to.Write(data)
		w.closed = err != nil
	}
	return len(data), nil
}
