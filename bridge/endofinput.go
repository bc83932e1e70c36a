package bridge

import (
	"context"
	"io"
	"sync"
	"time"
)

// A gateway may keep the end of the input to itself. A command that waits for it then never ends, and looks
// just like one that takes its time. So when a command goes on for a while after the end of its input, another
// session tests whether an end arrives.

const (
	// quietEnd is how long a command may go on after the end of its input before we test that.
	quietEnd = 5 * time.Second
	// endPatience is how long an end may take to arrive.
	endPatience = 15 * time.Second
)

// endOfInput finds out whether the end of the input is lost on its way to the instance.
type endOfInput struct {
	look   func(ctx context.Context, target string) (lost bool)
	quiet  time.Duration
	closed chan struct{}
	once   sync.Once

	turn   chan struct{} // has an entry while somebody looks; the rest belongs to whoever has the turn
	looked bool
	lost   bool
}

func newEndOfInput(look func(ctx context.Context, target string) (lost bool)) *endOfInput {
	return &endOfInput{look: look, quiet: quietEnd, closed: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// watch has spoil called if the end of a command's input has been sent, and is lost. It returns soon after finished is
// closed. A look that the end of its command cuts short proves nothing: then the next command looks again.
func (e *endOfInput) watch(target string, finished <-chan struct{}, spoil func(error)) {
	select {
	case <-time.After(e.quiet):
	case <-finished:
		return
	}
	select {
	case e.turn <- struct{}{}:
	case <-finished:
		return
	case <-e.closed:
		return
	}
	defer func() { <-e.turn }()
	select {
	case <-finished:
		return
	case <-e.closed:
		return
	default:
	}
	if !e.looked {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-finished: // nobody waits for this any more
				cancel()
			case <-ctx.Done():
			}
		}()
		lost := e.look(ctx, target)
		if ctx.Err() != nil {
			return
		}
		e.looked, e.lost = true, lost
	}
	if e.lost {
		spoil(&WayError{KeepingOpen})
	}
}

// close waits for a look that is under way, which ends with its command. No other begins.
func (e *endOfInput) close() {
	e.once.Do(func() { close(e.closed) })
	e.turn <- struct{}{}
	<-e.turn
}

// endProbe ends with its input, and gives a sign of life each second until then.
const endProbe = "while sleep 1; do echo || exit; done & cat >/dev/null; kill $!"

// losesEnd reports whether a command on the instance does not get the end of its input, although its output arrives
// here. It returns false if it cannot find out.
func (o *opener) losesEnd(ctx context.Context, target string) bool {
	ctx, cancel := context.WithTimeout(ctx, o.options.StartTimeout+endPatience)
	defer cancel()
	r, err := o.beginInShellAt(ctx, newScript(endProbe, nil).withoutLogin(), target)
	if err != nil {
		return false
	}
	defer r.inner.end()
	r.inner.stdin.Close()
	go io.Copy(io.Discard, r.stderr)
	signs := make(chan struct{}, 1)
	go func() {
		for buf := make([]byte, 64); ; {
			if _, err := r.stdout.Read(buf); err != nil {
				return
			}
			select {
			case signs <- struct{}{}:
			default:
			}
		}
	}()
	for late, seen := time.After(endPatience), false; ; {
		select {
		case <-r.inner.exited:
			return false
		case <-ctx.Done():
			return false
		case <-signs:
			if seen {
				return true
			}
		case <-late:
			seen = true // the next sign comes after the patience
			late = nil
		}
	}
}
