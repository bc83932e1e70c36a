package wire

import "sync"

// Credit is how much data the other side of a stream still takes, in bytes: Window at first, as in RFC 4254,
// section 5.2. Its methods may be called from several goroutines.
type Credit struct {
	mu     sync.Mutex
	change sync.Cond
	left   int
	closed bool
}

// NewCredit returns the credit of a stream that begins.
func NewCredit() *Credit {
	c := &Credit{left: Window}
	c.change.L = &c.mu
	return c
}

// Wait waits until there is credit, and reports whether there is: it returns false after Close.
func (c *Credit) Wait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left == 0 && !c.closed {
		c.change.Wait()
	}
	return !c.closed
}

// Take takes up to most bytes of what is there, which may be none: somebody else may have taken it.
func (c *Credit) Take(most int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(most, c.left)
	c.left -= n
	return n
}

// Add adds n bytes: the other side gave them, or they were taken and not used. The error is ErrMalformed if that is
// more than was taken.
func (c *Credit) Add(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 || n > Window-c.left {
		return ErrMalformed
	}
	c.left += n
	c.change.Broadcast()
	return nil
}

// AwaitAll waits until the other side has passed on everything that it was sent, or until Close. It says so only
// after an end (TypeEOF).
func (c *Credit) AwaitAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left < Window && !c.closed {
		c.change.Wait()
	}
}

// Close makes all waiting end.
func (c *Credit) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.change.Broadcast()
}
