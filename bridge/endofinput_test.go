//go:build unix

package bridge

import (
	"context"
	"testing"

	"clever-ssh/internal/test"
)

// A look that its command's end cuts short proves nothing, so the next command looks again. What a look has found
// holds for all.
func TestEndOfInputLooksAgain(t *testing.T) {
	t.Parallel()
	looks := make(chan chan bool)
	e := newEndOfInput(func(ctx context.Context, target string) bool {
		answer := make(chan bool)
		looks <- answer
		select {
		case lost := <-answer:
			return lost
		case <-ctx.Done():
			return false
		}
	})
	e.quiet = 0
	type watched struct {
		finished, returned chan struct{}
		spoiled            chan error
	}
	watch := func() watched {
		w := watched{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
		go func() {
			e.watch("", w.finished, func(err error) { w.spoiled <- err })
			close(w.returned)
		}()
		return w
	}
	first := watch()
	test.Within(t, "a look", looks)
	second := watch() // waits for its turn
	close(first.finished)
	test.Within(t, "the end of the first", first.returned)
	test.Within(t, "another look", looks) <- true
	third := watch()
	for _, w := range []watched{second, third} {
		if err := test.Within(t, "the fault", w.spoiled); !isFault(KeepingOpen)(err) {
			t.Error(err)
		}
		test.Within(t, "the end", w.returned)
	}
	if len(first.spoiled) > 0 {
		t.Error("the first command is spoiled by a look that found nothing")
	}
	e.close()
	e.close()
	test.Within(t, "the end after close", watch().returned)
}
