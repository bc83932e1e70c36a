package bridge

import (
	"context"
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
}

// watch calls spoil if the end of a command's input was sent and does not arrive on the instance. It returns
// when finished is closed.
func (e *endOfInput) watch(s *starter, target string, finished <-chan struct{}, spoil func(error)) {
	select {
	case <-time.After(quietEnd):
	case <-finished:
		return
	}
	e.once.Do(func() { e.lost = s.losesEnd(target) })
	if e.lost {
		spoil(&WayError{KeepingOpen})
	}
}

// losesEnd reports whether a command on the instance does not get the end of its input. If it cannot find out,
// it returns false.
func (s *starter) losesEnd(target string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.StartTimeout)
	defer cancel()
	r, err := s.beginInShellAt(ctx, newScript("cat >/dev/null", nil).withoutLogin(), target)
	if err != nil {
		return false
	}
	defer r.inner.end()
	r.inner.stdin.Close()
	select {
	case <-r.inner.exited:
		return false
	case <-time.After(endPatience):
		return true
	}
}
