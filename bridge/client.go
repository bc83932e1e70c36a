package bridge

import (
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// client is an SSH client that was let in.
type client struct {
	bridge   *bridge
	conn     *ssh.ServerConn
	forwards forwards
	listens  *listeners
	channels sync.WaitGroup // the goroutines that serve one channel each
}

// serve serves the client until it goes, or ctx is done, and returns when its commands have ended.
func (c *client) serve(ctx context.Context, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	c.listens = newListeners(ctx, c.bridge, c.conn)
	defer c.listens.work.Wait()
	defer c.channels.Wait()
	defer cancel()
	// Some requests wait for an outpost. Later requests wait too, as replies must keep their order, but nothing
	// else does.
	waiting := make(chan *ssh.Request, maxWaiting)
	go func() {
		defer close(waiting)
		for request := range requests {
			waiting <- request
		}
	}()
	go func() {
		for request := range waiting {
			request.Reply(c.handle(ctx, request))
		}
	}()
	for {
		select {
		case <-ctx.Done():
			c.conn.Close()
			return
		case channel, ok := <-channels:
			if !ok {
				return
			}
			c.open(ctx, channel)
		}
	}
}

// maxWaiting is how many requests of a client may wait for another one.
const maxWaiting = 1024

// signOfLife is how often a client that waits for a reply gets a message: the replies to its keep-alives wait
// too.
const signOfLife = 5 * time.Second

// handle carries out a global request, which belongs to no channel.
func (c *client) handle(ctx context.Context, request *ssh.Request) (ok bool, reply []byte) {
	switch request.Type {
	case "tcpip-forward", "streamlocal-forward@openssh.com":
		stop := c.reassure()
		reply, err := c.listens.listen(ctx, request)
		stop()
		if err != nil && ctx.Err() == nil {
			c.bridge.options.Warn(err) // ssh itself does not show the reason
		}
		return err == nil, reply
	case "cancel-tcpip-forward", "cancel-streamlocal-forward@openssh.com":
		return c.listens.cancel(request), nil
	}
	// The same answers as sshd's: it does not know keep-alives either, and any answer will do. no-more-sessions
	// has no effect, because it may overtake the opening of the last session.
	return request.Type == "no-more-sessions@openssh.com", nil
}

// reassure sends the client a message now and then to show that somebody is there, until stop is called.
func (c *client) reassure() (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(signOfLife)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.conn.SendRequest("keepalive@openssh.com", false, nil)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// open opens a channel for the client, or refuses it.
func (c *client) open(ctx context.Context, channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		c.channels.Go(func() { serveSession(ctx, c.bridge, c.listens, channel) })
	case toTCP, toUnix:
		c.channels.Go(func() { c.forwards.serve(ctx, channel) })
	default:
		channel.Reject(ssh.UnknownChannelType, "the bridge to the instance offers only sessions and tunnels")
	}
}
