package bridge

import (
	"context"
	"sync"

	"golang.org/x/crypto/ssh"
)

// client is an SSH client that was let in.
type client struct {
	bridge   *bridge
	conn     *ssh.ServerConn
	forwards forwards
	channels sync.WaitGroup // the goroutines that serve one each
}

// serve serves the client until it goes, or ctx is done, and returns when its commands have ended.
func (c *client) serve(ctx context.Context, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer c.channels.Wait()
	defer cancel()
	go func() {
		for request := range requests {
			// As sshd answers: it does not know a keep-alive either, and any answer will do. no-more-sessions may overtake
			// the opening of the last session, so it is not held to.
			request.Reply(request.Type == "no-more-sessions@openssh.com", nil)
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

// open opens a channel for the client, or refuses it.
func (c *client) open(ctx context.Context, channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		c.channels.Go(func() { serveSession(ctx, c.bridge, channel) })
	case "direct-tcpip":
		c.channels.Go(func() { c.forwards.serve(ctx, channel) })
	default:
		channel.Reject(ssh.UnknownChannelType, "the bridge to the instance has sessions and direct-tcpip only")
	}
}
