package bridge

import (
	"context"
	"io"
	"sync"
)

// running is a command that has begun.
type running struct {
	inner          *inner
	process        process
	stdout, stderr io.Reader // the command's own bytes; stderr is nil if the two are one terminal
}

// streams are a command's, on this side. Nobody waits for a read from stdin once the command has ended.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// carry carries the command's streams and returns when the command has ended and all its output was written, or when ctx
// is done: then it has ended ssh, and the command may still run. The error is ErrLost or ctx.Err().
func (r *running) carry(ctx context.Context, with streams) (status int, err error) {
	finished := make(chan struct{})
	go func() {
		if r.stderr == nil {
			r.carryTerminal(with)
		} else {
			r.carryPipes(with)
		}
		close(finished)
	}()
	select {
	case <-finished:
		r.inner.end()
		return r.inner.exitStatus()
	case <-ctx.Done():
		r.inner.end()
		return StatusFailed, ctx.Err()
	}
}

func (r *running) carryPipes(with streams) {
	go func() {
		io.Copy(r.inner.stdin, with.stdin)
		r.inner.stdin.Close()
		if c, ok := with.stdin.(*io.PipeReader); ok {
			c.Close() // whoever writes there must not wait for this command any more
		}
	}()
	var both sync.WaitGroup
	for _, stream := range []struct {
		from io.Reader
		pipe io.Closer
		to   io.Writer
	}{{r.stdout, r.inner.stdout, with.stdout}, {r.stderr, r.inner.stderr, with.stderr}} {
		both.Go(func() {
			if _, err := io.Copy(stream.to, stream.from); err != nil {
				stream.pipe.Close() // so that the command learns that nobody reads it any more
			}
		})
	}
	both.Wait()
	<-r.inner.exited
}

func (r *running) carryTerminal(with streams) {
	go io.Copy(r.inner.stdin, with.stdin) // a terminal knows no end of input
	if _, err := io.Copy(with.stdout, r.stdout); err == nil {
		<-r.inner.exited
	}
}
