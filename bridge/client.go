package bridge

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// client is one that was let in.
type client struct {
	*bridge
	conn     *ssh.ServerConn
	work     sync.WaitGroup
	forwards atomic.Int32
}

// serve serves the client until it goes, or ctx is done, and returns when its commands have ended.
func (c *client) serve(ctx context.Context, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer c.work.Wait()
	defer cancel()
	go func() {
		for request := range requests {
			// As sshd answers: a keep-alive is unknown to it, and any answer will do.
			request.Reply(request.Type == "no-more-sessions@openssh.com", nil) // which may overtake the last session's opening
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

// open opens a channel of the client's, or refuses it.
func (c *client) open(ctx context.Context, channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		c.work.Go(func() { c.session(ctx, channel) })
	case "direct-tcpip":
		c.work.Go(func() { c.forward(ctx, channel) })
	default:
		channel.Reject(ssh.UnknownChannelType, "the bridge to the instance has sessions and direct-tcpip only")
	}
}
