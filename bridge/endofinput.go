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

// endOfInput knows whether the end of the input arrives on the instance.
type endOfInput struct {
	once sync.Once
	lost bool
	work sync.WaitGroup
}

// watch has spoil called if the end of a command's input has been sent, and none arrives on the instance. It returns at the latest when
// finished is closed.
func (e *endOfInput) watch(s *starter, target string, finished <-chan struct{}, spoil func(error)) {
	select {
	case <-time.After(quietEnd):
	case <-finished:
		return
	}
	e.once.Do(func() {
		e.work.Add(1)
		defer e.work.Done()
		ctx, cancel := context.WithTimeout(context.Background(), s.options.StartTimeout+endPatience)
		defer cancel()
		go func() {
			select {
			case <-finished: // nobody waits for this any more
				cancel()
			case <-ctx.Done():
			}
		}()
		e.lost = s.losesEnd(ctx, target)
	})
	if e.lost {
		spoil(&WayError{KeepingOpen})
	}
}

// endProbe ends with its input, and gives a sign of life each second until then.
const endProbe = "while sleep 1; do echo || exit; done & cat >/dev/null; kill $!"

// losesEnd reports whether a command on the instance does not get the end of its input, although its output arrives here. It returns
// false if it cannot find out.
func (s *starter) losesEnd(ctx context.Context, target string) bool {
	r, err := s.beginInShellAt(ctx, newScript(endProbe, nil).withoutLogin(), target)
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
