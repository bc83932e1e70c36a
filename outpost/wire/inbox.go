package wire

import "sync"

// Inbox holds a stream's data that has not been passed on yet. So the stream can be read whatever happens to its
// data: later frames, such as credit for the other direction, do not wait. A goroutine passes the data on while
// there is any.
type Inbox struct {
	give func(n int)

	mu     sync.Mutex
	idle   sync.Cond
	take   func(t Type, data []byte)
	pause  func()
	parts  []part
	held   int  // bytes without credit so far
	owed   int  // of those, how many have been passed on
	ended  bool // no more data will come
	moving bool
}

// part is some data, in one chunk. The data of several frames shares a chunk, whatever their types: a peer that sends
// little in each must not make this side hold much.
type part struct {
	chunk []byte
	runs  []run
}

// run is data of one type.
type run struct {
	t    Type
	size int32 // at most MaxData
}

// batch is how much data is passed on before the other side is told. It is a small part of Window, so the other side
// never waits for the rest, and a single keystroke needs no frame in reply.
const batch = 256 << 10

// NewInbox returns an inbox that calls give to send credit to the other side, with a number of bytes.
func NewInbox(give func(n int)) *Inbox {
	i := &Inbox{give: give}
	i.idle.L = &i.mu
	return i
}

// Add adds a frame of data, or the end of the data (TypeEOF). The error is ErrMalformed if the other side sent more
// than it may.
func (i *Inbox) Add(t Type, data []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended || i.held+len(data) > Window {
		return ErrMalformed
	}
	i.held += len(data)
	i.ended = t == TypeEOF
	if len(data) == 0 && !i.ended {
		return nil
	}
	last := len(i.parts) - 1
	if last < 0 || cap(i.parts[last].chunk)-len(i.parts[last].chunk) < len(data) {
		i.parts = append(i.parts, part{chunk: NewChunk(max(len(data), LeastBuffer))})
		last++
	}
	p := &i.parts[last]
	p.chunk = append(p.chunk, data...)
	if n := len(p.runs); n > 0 && p.runs[n-1].t == t {
		p.runs[n-1].size += int32(len(data))
	} else {
		p.runs = append(p.runs, run{t, int32(len(data))})
	}
	i.wake()
	return nil
}

// Start lets the data be passed on to take, one call at a time, and the end as TypeEOF without data. The data is valid
// until take returns. If pause is set, it is called when there is no more data for now.
func (i *Inbox) Start(take func(t Type, data []byte), pause func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.take, i.pause = take, pause
	i.wake()
}

func (i *Inbox) wake() {
	if i.take != nil && !i.moving && len(i.parts) > 0 {
		i.moving = true
		go i.move()
	}
}

// move passes on the data that is there.
func (i *Inbox) move() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for len(i.parts) > 0 {
		parts := i.parts
		i.parts = nil
		i.mu.Unlock()
		for _, p := range parts {
			rest := p.chunk
			for _, r := range p.runs {
				i.take(r.t, rest[:r.size])
				rest = rest[r.size:]
				i.passed(int(r.size), batch)
			}
			FreeChunk(p.chunk)
		}
		i.mu.Lock()
		if i.pause != nil && len(i.parts) == 0 {
			i.mu.Unlock()
			i.pause()
			i.mu.Lock()
		}
	}
	i.moving = false
	i.idle.Broadcast()
}

// passed notes that n bytes have been passed on, and tells the other side once there are enough.
func (i *Inbox) passed(n, enough int) {
	i.mu.Lock()
	i.owed += n
	owed := i.owed
	if owed < enough {
		i.mu.Unlock()
		return
	}
	i.held -= owed
	i.owed = 0
	i.mu.Unlock()
	i.give(owed)
}

// Settle tells the other side about everything that has been passed on, however little.
func (i *Inbox) Settle() { i.passed(0, 1) }

// Wait waits until all data that was added has been passed on.
func (i *Inbox) Wait() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.moving {
		i.idle.Wait()
	}
}
