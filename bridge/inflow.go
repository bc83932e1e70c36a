package bridge

import (
	"sync"

	"clever-ssh/outpost/wire"
)

// inflow holds the data that came on a stream and that nobody here has taken yet. So the stream can be read whatever becomes of its
// data: the frames after it, such as credit for the other direction, do not wait.
type inflow struct {
	credit func(n int) // tells the outpost that so much was taken

	mu     sync.Mutex
	change sync.Cond
	parts  []part
	held   int // bytes that no credit was given for
	ended  bool
}

// part is some data of a stdout or a stderr.
type part struct {
	t    wire.Type
	data []byte
}

// creditBatch is how much is taken before the outpost is told.
const creditBatch = 256 << 10

func newInflow(credit func(n int)) *inflow {
	f := &inflow{credit: credit}
	f.change.L = &f.mu
	return f
}

// add takes the data of a frame. The error is wire.ErrMalformed if the outpost was not allowed to send so much.
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
		f.parts = append(f.parts, part{t, append(newPart(len(data)), data...)})
	}
	f.change.Signal()
	return nil
}

// Parts of more than smallPart bytes are used again.
const smallPart = 4 << 10

var largeParts = sync.Pool{New: func() any { return new([wire.MaxData]byte) }}

func newPart(size int) []byte {
	if size <= smallPart {
		return make([]byte, 0, max(size, 512))
	}
	return largeParts.Get().(*[wire.MaxData]byte)[:0]
}

// end says that nothing more comes.
func (f *inflow) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.change.Signal()
}

// run hands on all that comes, and returns after the end.
func (f *inflow) run(handOn func(t wire.Type, data []byte)) {
	owed := 0
	for {
		f.mu.Lock()
		for len(f.parts) == 0 && !f.ended {
			f.change.Wait()
		}
		parts := f.parts
		f.parts = nil
		f.mu.Unlock()
		if len(parts) == 0 {
			return
		}
		for _, p := range parts {
			n := len(p.data)
			handOn(p.t, p.data)
			if cap(p.data) == wire.MaxData {
				largeParts.Put((*[wire.MaxData]byte)(p.data[:wire.MaxData]))
			}
			if owed += n; owed >= creditBatch {
				f.mu.Lock()
				f.held -= owed
				f.mu.Unlock()
				f.credit(owed)
				owed = 0
			}
		}
	}
}
