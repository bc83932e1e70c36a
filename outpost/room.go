//go:build linux

package outpost

import (
	"sync"

	"clever-ssh/outpost/wire"
)

// room is how much data the bridge still takes on a stream.
type room struct {
	mu     sync.Mutex
	change sync.Cond
	left   int
	closed bool
}

// wait waits until there is room, and reports whether there is: it returns false after the end of the stream.
func (r *room) wait() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.left == 0 && !r.closed {
		r.change.Wait()
	}
	return !r.closed
}

// take takes up to that much room.
func (r *room) take(most int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(most, r.left)
	r.left -= n
	return n
}

// add adds room, or gives it back. The error is wire.ErrMalformed if the bridge gives more than it can have.
func (r *room) add(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n < 0 || n > wire.Window-r.left {
		return wire.ErrMalformed
	}
	r.left += n
	r.change.Broadcast()
	return nil
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.change.Broadcast()
}
