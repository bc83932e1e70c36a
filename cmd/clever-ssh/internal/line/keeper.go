// Package line keeps a session to the outpost on an instance open for a while and shares it: a background
// process holds the session, and passes streams over it to this account's bridges through a socket.
package line

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"clever-ssh/outpost/wire"

	"github.com/hashicorp/yamux"
)

// Start starts an outpost, and returns the other ends of its stdin and stdout, or says why there is none.
type Start func(ctx context.Context) (io.ReadWriteCloser, error)

// keeper is one line: the session with an outpost, from its start to its end.
type keeper struct {
	settled chan struct{} // closed when we know whether there is an outpost
	over    chan struct{} // closed when the line has ended, or never started

	mu      sync.Mutex
	session *yamux.Session // nil before it is settled, and if there is no outpost
	err     error          // why there is no outpost, or why the line has ended
	dead    bool           // it ended because it was silent

	open     map[*yamux.Stream]struct{}
	streams  atomic.Int64 // clients that have a stream, or are about to
	born     time.Time
	lastUsed atomic.Int64 // in nanoseconds since born, and so is heard
	heard    atomic.Int64 // when data last came
}

// now returns the time in nanoseconds on a clock that nobody can set.
func (k *keeper) now() int64 { return int64(time.Since(k.born)) }

// The times of the keep-alive. A dead connection is found within half a minute.
const (
	lookEvery = 2 * time.Second
	askAfter  = 8 * time.Second  // after this much silence, we ask the outpost for a sign of life
	deadAfter = 25 * time.Second // after this much silence, the line ends
	lateAfter = 5 * time.Second  // if a look comes this late, silence means nothing: the machine or the process was asleep
)

// begin begins a line, which ends with ctx.
func begin(ctx context.Context, start Start) *keeper {
	k := &keeper{settled: make(chan struct{}), over: make(chan struct{}), open: map[*yamux.Stream]struct{}{}, born: time.Now()}
	go func() {
		o, err := start(ctx)
		if err == nil {
			err = k.take(o)
		}
		if err != nil {
			k.fail(err, false)
			close(k.settled)
			close(k.over)
			return
		}
		close(k.settled)
		k.watch(ctx)
		k.release()
		k.session.Close()
		o.Close()
		close(k.over)
	}()
	return k
}

func (k *keeper) take(o io.ReadWriteCloser) error {
	session, err := wire.Near(&listened{o, k})
	if err != nil {
		o.Close()
		return err
	}
	k.touch()
	k.heard.Store(k.now())
	k.mu.Lock()
	k.session = session
	k.mu.Unlock()
	return nil
}

// touch records a use.
func (k *keeper) touch() { k.lastUsed.Store(k.now()) }

// idle returns how long the line has been unused.
func (k *keeper) idle() time.Duration {
	if k.streams.Load() > 0 {
		return 0
	}
	return time.Duration(k.now() - k.lastUsed.Load())
}

// watch returns when the session has ended, or the line has been silent for too long, or ctx is done.
func (k *keeper) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	asking := make(chan struct{}, 1)
	looked := k.now()
	for {
		select {
		case <-tick.C:
		case <-k.session.CloseChan():
			k.fail(errors.New("the outpost's session has ended"), false)
			return
		case <-ctx.Done():
			k.fail(errors.New("the connection was closed"), false)
			return
		}
		now := k.now()
		late := time.Duration(now-looked) > lookEvery+lateAfter
		if looked = now; late {
			k.heard.Store(now - int64(askAfter) - 1)
		}
		silence := time.Duration(now - k.heard.Load())
		switch {
		case silence > deadAfter:
			k.fail(errors.New("nothing has arrived from the instance for 25 seconds"), true)
			return
		case silence > askAfter:
			select {
			case asking <- struct{}{}:
				go func() {
					k.session.Ping()
					<-asking
				}()
			default:
			}
		}
	}
}

func (k *keeper) fail(err error, dead bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err, k.dead = err, dead
}

// why returns the reason why there is no outpost, or why the line has ended; nil otherwise.
func (k *keeper) why() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// stream opens a stream. The line must be settled. The error says why there is no stream. Call done when
// finished.
func (k *keeper) stream() (st *yamux.Stream, done func(), err error) {
	k.mu.Lock()
	session, err := k.session, k.err
	k.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	if st, err = session.OpenStream(); err != nil {
		return nil, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[st] = struct{}{}
	return st, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.open, st)
	}, nil
}

// release stops everything that waits for a stream. Otherwise, when the session ends, it would keep checking
// whether the stream has ended.
func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for st := range k.open {
		st.SetDeadline(time.Unix(1, 0))
	}
}

// pingTime bounds the wait for a round trip.
const pingTime = 2 * time.Second

// roundTrip returns how long the outpost takes to answer, or 0 if it takes too long.
func (k *keeper) roundTrip() time.Duration {
	took := make(chan time.Duration, 1)
	go func() {
		d, _ := k.session.Ping()
		took <- d
	}()
	select {
	case d := <-took:
		return d
	case <-time.After(pingTime):
		return 0
	}
}

// listened notes when data comes, and when it ends.
type listened struct {
	io.ReadWriteCloser
	keeper *keeper
}

func (l *listened) Read(b []byte) (int, error) {
	n, err := l.ReadWriteCloser.Read(b)
	if n > 0 {
		l.keeper.heard.Store(l.keeper.now())
	}
	if err != nil {
		l.keeper.release()
	}
	return n, err
}
