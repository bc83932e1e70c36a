//go:build linux

package outpost

import (
	"io"
	"sync"

	"clever-ssh/outpost/wire"
)

// batch is how much data moves on before the bridge is told. It is a small part of wire.Window, so the bridge
// never waits for the rest, and a single keystroke needs no frame in reply.
const batch = 256 << 10

// sink takes the data of a stream.
type sink interface {
	io.Writer
	CloseWrite() error
}

// collector is a sink that wants to know when no more data is there for now.
type collector interface{ Flush() error }

// inbox holds a stream's data that has not moved on to its sink yet. So the stream can be read whatever its
// sink does. A goroutine moves the data on while there is any.
type inbox struct {
	credit func(n int)

	mu      sync.Mutex
	chunks  [][]byte
	held    int  // bytes without credit so far
	owed    int  // of those, how many have moved on
	eof     bool // no more data will come
	closed  bool // the sink was told that, or has failed
	writing bool
	sink    sink
	done    func() // called once, when closed
}

// add adds the data of a frame. The error is wire.ErrMalformed if the bridge sent more than it may.
func (i *inbox) add(data []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.eof || i.held+len(data) > wire.Window {
		return wire.ErrMalformed
	}
	i.held += len(data)
	if last := len(i.chunks) - 1; last >= 0 && cap(i.chunks[last])-len(i.chunks[last]) >= len(data) {
		i.chunks[last] = append(i.chunks[last], data...)
	} else if len(data) > 0 {
		i.chunks = append(i.chunks, append(wire.NewChunk(max(len(data), 512)), data...))
	}
	i.wake()
	return nil
}

// end notes that no more data will come.
func (i *inbox) end() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.eof {
		return wire.ErrMalformed
	}
	i.eof = true
	i.wake()
	return nil
}

// start lets the data move to a sink. It calls done when the sink has got all of it, or takes no more.
func (i *inbox) start(to sink, done func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sink, i.done = to, done
	i.wake()
}

func (i *inbox) wake() {
	if i.sink != nil && !i.writing && (len(i.chunks) > 0 || i.eof && !i.closed) {
		i.writing = true
		go i.write()
	}
}

// write moves on the data that is there.
func (i *inbox) write() {
	i.mu.Lock()
	for len(i.chunks) > 0 {
		chunks, broken := i.chunks, i.closed
		i.chunks = nil
		i.mu.Unlock()
		for _, chunk := range chunks {
			// Data for a sink that takes no more is dropped: a command need not read its stdin.
			if !broken {
				_, err := i.sink.Write(chunk)
				broken = err != nil
			}
			i.gone(len(chunk))
			wire.FreeChunk(chunk)
		}
		if broken {
			i.close()
		}
		i.mu.Lock()
		if c, ok := i.sink.(collector); ok && len(i.chunks) == 0 && !i.closed {
			i.mu.Unlock()
			c.Flush() // if this fails, so will the next write
			i.mu.Lock()
		}
	}
	i.writing = false
	eof, owed := i.eof, 0
	if eof {
		owed, i.owed = i.owed, 0
	}
	i.held -= owed
	i.mu.Unlock()
	if owed > 0 { // so that the bridge knows that all of it has moved on
		i.credit(owed)
	}
	if eof {
		i.close()
	}
}

// gone notes that n bytes have moved on, and tells the bridge once there are many.
func (i *inbox) gone(n int) {
	i.mu.Lock()
	i.owed += n
	owed := i.owed
	if owed < batch {
		i.mu.Unlock()
		return
	}
	i.held -= owed
	i.owed = 0
	i.mu.Unlock()
	i.credit(owed)
}

// close tells the sink, once, that no more data comes.
func (i *inbox) close() {
	i.mu.Lock()
	closed := i.closed
	i.closed = true
	i.mu.Unlock()
	if !closed {
		i.sink.CloseWrite()
		i.done()
	}
}
