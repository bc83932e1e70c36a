package bridge

import (
	"sync"

	"clever-ssh/outpost/wire"
)

// inflow holds a stream's data that nobody here has taken yet. So the stream can be read whatever happens to
// its data: later frames, such as credit for the other direction, do not wait. A goroutine passes the data on
// while there is any.
type inflow struct {
	credit func(n int) // tells the outpost how much was taken
	handOn func(t wire.Type, data []byte)

	mu      sync.Mutex
	idle    sync.Cond
	parts   []part
	held    int // bytes without credit so far
	owed    int // of those, how many were taken
	handing bool
}

// part is some data of stdout or stderr.
type part struct {
	t    wire.Type
	data []byte
}

// creditBatch is how much is taken before the outpost is told.
const creditBatch = 256 << 10

func newInflow(credit func(n int), handOn func(t wire.Type, data []byte)) *inflow {
	f := &inflow{credit: credit, handOn: handOn}
	f.idle.L = &f.mu
	return f
}

// add adds the data of a frame. The error is wire.ErrMalformed if the outpost sent more than it may.
func (f *inflow) add(t wire.Type, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held+len(data) > wire.Window {
		return wire.ErrMalformed
	}
	f.held += len(data)
	if last := len(f.parts) - 1; last >= 0 && f.parts[last].t == t && cap(f.parts[last].data)-len(f.parts[last].data) >= len(data) {
		f.parts[last].data = append(f.parts[last].data, data...)
	} else {
		f.parts = append(f.parts, part{t, append(wire.NewChunk(max(len(data), 64)), data...)})
	}
	if !f.handing {
		f.handing = true
		go f.handAll()
	}
	return nil
}

// wait waits until all data was passed on.
func (f *inflow) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.handing {
		f.idle.Wait()
	}
}

func (f *inflow) handAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.parts) > 0 {
		parts := f.parts
		f.parts = nil
		f.mu.Unlock()
		for _, p := range parts {
			f.handOn(p.t, p.data)
			f.took(len(p.data))
			wire.FreeChunk(p.data)
		}
		f.mu.Lock()
	}
	f.handing = false
	f.idle.Broadcast()
}

// took records that n bytes were taken, and tells the outpost once there are enough.
func (f *inflow) took(n int) {
	if f.owed += n; f.owed < creditBatch {
		return
	}
	f.mu.Lock()
	f.held -= f.owed
	f.mu.Unlock()
	f.credit(f.owed)
	f.owed = 0
}
