package bridge

import (
	"io"
	"os"
	"sync"
)

// outbox writes to a client. Data written while the client is still taking earlier data goes out in one piece
// afterwards: the SSH library writes each packet in several pieces, and each would cost a system call here and
// in the client.
type outbox struct {
	to io.Writer

	mu      sync.Mutex
	change  sync.Cond
	waiting []byte
	spare   []byte // reused for the next data
	writing bool
	err     error // the writer's, or that of giveUp
}

// outboxSize is about how many bytes an outbox holds: a writer of more waits.
const outboxSize = 256 << 10

func newOutbox(to io.Writer) *outbox {
	o := &outbox{to: to}
	o.change.L = &o.mu
	return o
}

// Write keeps data until the client takes it. The error is from an earlier write.
func (o *outbox) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) >= outboxSize && o.err == nil {
		o.change.Wait()
	}
	if o.err != nil {
		return 0, o.err
	}
	o.waiting = append(o.waiting, data...)
	if !o.writing {
		o.writing = true
		go o.write()
	}
	return len(data), nil
}

func (o *outbox) write() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) > 0 && o.err == nil {
		data := o.waiting
		o.waiting = o.spare[:0]
		o.change.Broadcast()
		o.mu.Unlock()
		_, err := o.to.Write(data)
		o.mu.Lock()
		o.spare = data
		if err != nil {
			o.err = err
		}
	}
	o.writing = false
	o.change.Broadcast()
}

// flush waits until the client has taken everything, or takes no more.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && o.err == nil {
		o.change.Wait()
	}
}

// giveUp drops what the client has not taken, and ends all waits for it. A write may be under way.
func (o *outbox) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = os.ErrDeadlineExceeded
	o.change.Broadcast()
}
