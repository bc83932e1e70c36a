package bridge

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// errands are what other sessions on the instance do for a command that runs: its own session carries nothing but its
// streams.
type errands interface {
	// send sends a signal to a process, and reports whether it can.
	send(name string, p process) bool

	// hangUp ends a process whose client has gone.
	hangUp(p process)

	// inputEnded calls spoil if the end of a command's input does not arrive on the instance. It returns soon after
	// finished is closed.
	inputEnded(target string, finished <-chan struct{}, spoil func(error))
}

// running is a command that a shell on the instance runs, through an ssh of its own.
type running struct {
	inner          *inner
	process        process
	errands        errands
	signaled       atomic.Pointer[string] // the last signal that was sent
	stdout, stderr io.Reader              // the command's own bytes; stderr is nil if the two are one terminal
	unwritten      error                  // why not all of them could be written here
}

func (r *running) signal(name string) bool {
	if !r.errands.send(name, r.process) {
		return false
	}
	r.signaled.Store(&name)
	return true
}

// goAhead lets the command run. If nothing reads the go-ahead, the command's end will show it.
func (r *running) goAhead(ctx context.Context, s *script) error {
	given := make(chan struct{})
	go func() {
		io.WriteString(r.inner.stdin, s.goAhead+"\n")
		close(given)
	}()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
		r.cutOff() // it may run already
		return ctx.Err()
	}
}

// cutOff ends a command that is still running.
func (r *running) cutOff() {
	r.inner.end()
	r.errands.hangUp(r.process)
}

// carry hangs up a command whose client has gone: it gets SIGHUP, as it would at the end of a terminal.
func (r *running) carry(ctx context.Context, with streams) (exit, error) {
	finished := make(chan struct{})
	ctx, spoil := context.WithCancelCause(ctx)
	defer spoil(nil)
	if o, ok := r.stdout.(*opening); ok {
		o.spoiled = spoil
	}
	go func() {
		if r.stderr == nil {
			r.carryTerminal(with)
		} else {
			r.carryPipes(with, func() { r.errands.inputEnded(r.inner.target, finished, spoil) })
		}
		close(finished)
	}()
	select {
	case <-finished:
		if fault := new(WayError); errors.As(context.Cause(ctx), &fault) {
			r.cutOff()
			return exit{status: StatusFailed}, fault
		}
		r.inner.end()
		status, err := r.inner.exitStatus()
		e := exit{status: status}
		if err == nil && status == 0 {
			if err = notWritten(r.unwritten); err != nil {
				e.status = StatusFailed
			}
		}
		// ssh does not say which signal ended a command. If one was sent, it was that.
		if name := r.signaled.Load(); name != nil && err == nil && status == StatusFailed {
			e.signal = *name
		}
		return e, err
	case <-ctx.Done():
		r.cutOff()
		return exit{status: StatusFailed}, context.Cause(ctx)
	}
}

// carryPipes calls inputEnded when all input has been sent.
func (r *running) carryPipes(with streams, inputEnded func()) {
	go func() {
		io.Copy(r.inner.stdin, with.stdin)
		r.inner.stdin.Close()
		defer inputEnded()
		if c, ok := with.stdin.(*io.PipeReader); ok {
			c.Close() // no writer must wait for this command any more
		}
	}()
	var both sync.WaitGroup
	var mu sync.Mutex
	for _, stream := range []struct {
		from io.Reader
		pipe io.Closer
		to   io.Writer
	}{{r.stdout, r.inner.stdout, with.stdout}, {r.stderr, r.inner.stderr, with.stderr}} {
		both.Go(func() {
			if _, err := io.Copy(stream.to, stream.from); err != nil {
				stream.pipe.Close() // so that the command learns that nobody reads it any more
				mu.Lock()
				if r.unwritten == nil {
					r.unwritten = err
				}
				mu.Unlock()
			}
		})
	}
	both.Wait()
	<-r.inner.exited
}

func (r *running) carryTerminal(with streams) {
	go io.Copy(r.inner.stdin, with.stdin) // a terminal has no end of input
	if _, err := io.Copy(with.stdout, r.stdout); err == nil {
		<-r.inner.exited
	}
}
