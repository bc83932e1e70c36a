package bridge

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// serveFiles runs the server of the SFTP subsystem: the outpost if one is running, or else the instance's own.
// If the instance has none either, it waits for the outpost. serveFiles calls began for each server that has begun.
func serveFiles(ctx context.Context, starter *starter, script *script, with streams, began func(job)) (exit, error) {
	if starter.opener.options.Line == nil {
		return runJob(ctx, with, began, func() (job, error) { return starter.begin(ctx, script) })
	}
	in := newReplay(with.stdin)
	defer in.close()
	out, said := &watched{Writer: with.stdout}, new(words) // stderr may still be read when serving has ended with ctx
	first, stop := in.reader()
	errs := writerFunc(func(data []byte) (int, error) {
		if out.written.Load() {
			return with.stderr.Write(data)
		}
		return said.Write(data)
	})
	e, err := runJob(ctx, streams{first, out, errs}, began, func() (job, error) { return starter.begin(ctx, script) })
	stop()
	if err == nil && e.status == noServer && !out.written.Load() && in.whole() {
		again, _ := in.reader()
		var errOutpost error
		e, errOutpost = runJob(ctx, streams{again, with.stdout, with.stderr}, began, func() (job, error) {
			return starter.beginInOutpost(ctx, script.again(), nil, "SFTP on an instance without an sftp-server")
		})
		if !errors.As(errOutpost, new(*OutpostError)) {
			return e, errOutpost
		}
		e.status, err = noServer, errOutpost
	}
	with.stderr.Write(said.text())
	return e, err
}

// watched is a writer that knows whether anything was written.
type watched struct {
	io.Writer
	written atomic.Bool
}

func (w *watched) Write(data []byte) (int, error) {
	w.written.Store(true)
	return w.Writer.Write(data)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

// replay is a stream that can be read again from its beginning, up to a limit: an SFTP client sends little
// before it has an answer.
type replay struct {
	chunks chan []byte
	done   chan struct{}

	mu   sync.Mutex // held while a chunk is taken
	kept []byte     // everything read so far; once it is too much, only its beginning
}

// maxReplay is how much can be read again.
const maxReplay = 64 << 10

func newReplay(from io.Reader) *replay {
	r := &replay{chunks: make(chan []byte), done: make(chan struct{})}
	go func() {
		defer close(r.chunks)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if n > 0 {
				select {
				case r.chunks <- buf[:n]:
				case <-r.done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

// whole reports whether all that was read can be read again.
func (r *replay) whole() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.kept) <= maxReplay
}

// close stops the use of the stream. A read may be under way.
func (r *replay) close() { close(r.done) }

// reader returns a reader of what is kept, followed by the rest. After stop it reads nothing more. Use one
// reader at a time.
func (r *replay) reader() (in io.Reader, stop func()) {
	stopped := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	return &replayReader{replay: r, rest: slices.Clone(r.kept), stopped: stopped}, func() { close(stopped) }
}

type replayReader struct {
	replay  *replay
	rest    []byte
	stopped chan struct{}
}

func (r *replayReader) Read(buf []byte) (int, error) {
	if len(r.rest) == 0 {
		// The next reader, which reads what is kept, waits until this one has stopped.
		r.replay.mu.Lock()
		defer r.replay.mu.Unlock()
		select {
		case <-r.stopped:
			return 0, io.EOF
		default:
		}
		select {
		case chunk, ok := <-r.replay.chunks:
			if !ok {
				return 0, io.EOF
			}
			if len(r.replay.kept) <= maxReplay {
				r.replay.kept = append(r.replay.kept, chunk...)
			}
			r.rest = chunk
		case <-r.stopped:
			return 0, io.EOF
		case <-r.replay.done:
			return 0, io.EOF
		}
	}
	n := copy(buf, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
