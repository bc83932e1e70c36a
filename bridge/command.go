package bridge

import (
	"context"
	"io"
	"sync"
)

// ending is how a command ended.
type ending struct {
	status int    // the exit status, if signal is empty
	signal string // the name of the signal without "SIG"
}

// streams are a command's, on this side. A read from stdin is not waited for when the command has ended.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run runs a command on the instance. It returns when the command has ended and all its output was written, or when
// ctx is done: then the command is sent SIGHUP, as it would be at the end of a terminal. The error is begin's, or ErrLost.
//
// ssh exits with 255 when a signal has ended the command, and does not tell which; so does a command that exits with
// 255. To every OpenSSH client both look the same, whether there is a bridge or not.
func (b *bridge) run(ctx context.Context, s *script, with streams) (ending, error) {
	c, err := b.beginInTurn(ctx, s)
	if err != nil {
		return ending{status: statusFailed}, err
	}
	defer c.close()
	if s.begun != nil {
		s.begun(c.process)
	}
	go func() {
		io.Copy(c.stdin, with.stdin)
		c.stdin.Close()
	}()
	var output sync.WaitGroup
	for _, stream := range []struct {
		from io.Reader
		pipe io.Closer
		to   io.Writer
	}{{c.stdout, c.inner.stdout, with.stdout}, {c.stderr, c.inner.stderr, with.stderr}} {
		output.Go(func() {
			if _, err := io.Copy(stream.to, stream.from); err != nil {
				stream.pipe.Close() // nobody reads it any more, and the command shall see that
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		output.Wait()
		<-c.exited
		close(finished)
	}()
	select {
	case <-finished:
		return c.ending()
	case <-ctx.Done():
	}
	c.end()
	b.hangUp(c.process)
	return ending{status: statusFailed}, ctx.Err()
}

// beginInTurn is begin, for not too many at once: each may be a login of its own, and a browser at a SOCKS proxy opens
// dozens at a time.
func (b *bridge) beginInTurn(ctx context.Context, s *script) (*begun, error) {
	select {
	case b.starting <- struct{}{}:
		defer func() { <-b.starting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return b.begin(ctx, s)
}

// maxStarting is how many commands begin at once. sshd lets a connection have ten sessions, and ten connections log in.
const maxStarting = 8
