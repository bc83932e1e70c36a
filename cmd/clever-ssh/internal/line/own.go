package line

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"clever-ssh/bridge"

	"github.com/hashicorp/yamux"
)

// Own holds the lines of one process, where no folder for sockets exists. They start only if something needs
// the outpost. Own is a bridge.Line.
type Own struct {
	Start func(ctx context.Context, target string) (io.ReadWriteCloser, error)

	mu    sync.Mutex
	lines map[string]*keeper
	ends  []context.CancelFunc
}

// Close ends the lines, and returns when they are over.
func (o *Own) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, end := range o.ends {
		end()
	}
	for _, k := range o.lines {
		<-k.over
	}
}

// Open opens a stream to the outpost on the instance that a target leads to.
func (o *Own) Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	o.mu.Lock()
	k := o.lines[target]
	if k != nil && k.why() != nil {
		k = nil
	}
	if k == nil && wait {
		ctx, end := context.WithCancel(context.Background())
		o.ends = append(o.ends, end)
		k = begin(ctx, func(ctx context.Context) (io.ReadWriteCloser, error) { return o.Start(ctx, target) })
		if o.lines == nil {
			o.lines = map[string]*keeper{}
		}
		o.lines[target] = k
	}
	o.mu.Unlock()
	if k == nil {
		return nil, bridge.ErrNotYet
	}
	if wait {
		select {
		case <-k.settled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case <-k.settled:
	default:
		return nil, bridge.ErrNotYet
	}
	st, done, err := k.stream()
	if err != nil {
		return nil, err
	}
	return &ownStream{st, done}, nil
}

// ownStream keeps reading after it is closed: the outpost may need that before it closes its end.
type ownStream struct {
	*yamux.Stream
	done func()
}

// Write never fails: when the line ends or stalls, what was written may still be on its way. So the next read fails.
func (s *ownStream) Write(data []byte) (int, error) {
	_, err := s.Stream.Write(data)
	if err != nil && !errors.Is(err, yamux.ErrTimeout) { // which is Close's
		s.Stream.SetReadDeadline(time.Unix(1, 0))
	}
	return len(data), nil
}

func (s *ownStream) Close() error {
	s.Stream.SetWriteDeadline(time.Unix(1, 0))
	go func() {
		io.Copy(io.Discard, s.Stream)
		s.done()
	}()
	return s.Stream.Close()
}
