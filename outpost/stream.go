//go:build linux

package outpost

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// requestTimeout is how long a stream may exist before its request comes.
const requestTimeout = 30 * time.Second

// stream is one stream of the line.
type stream struct {
	server *server
	conn   *yamux.Stream
	frames *wire.Reader
	inbox  *wire.Inbox
	credit *wire.Credit

	once  sync.Once
	ended chan struct{} // closed when it has ended, from either side
}

func newStream(server *server, conn *yamux.Stream) *stream {
	s := &stream{server: server, conn: conn, frames: wire.NewReader(conn), credit: wire.NewCredit(), ended: make(chan struct{})}
	s.inbox = wire.NewInbox(func(n int) { s.write(wire.TypeCredit, wire.Uint32(uint32(n))) })
	server.mu.Lock()
	server.open[s] = struct{}{}
	server.mu.Unlock()
	return s
}

// serve reads a stream's request and serves it to its end.
func (s *server) serve(stream *stream) {
	defer func() {
		stream.end()
		s.mu.Lock()
		delete(s.open, stream)
		s.mu.Unlock()
	}()
	stream.conn.SetReadDeadline(time.Now().Add(requestTimeout))
	t, payload, err := stream.frames.Read()
	if err != nil {
		return
	}
	stream.conn.SetReadDeadline(time.Time{})
	switch t {
	case wire.TypeExec:
		if request, err := wire.ParseExec(payload); err == nil {
			stream.exec(request)
		}
	case wire.TypeFiles:
		stream.files()
	case wire.TypeConnect:
		if request, err := wire.ParseConnect(payload); err == nil {
			stream.connect(request)
		}
	case wire.TypeListen:
		if request, err := wire.ParseListen(payload); err == nil {
			stream.listen(request)
		}
	case wire.TypeAccept:
		if number, err := wire.ParseUint32(payload); err == nil {
			stream.accept(number)
		}
	}
}

// receive reads frames until the stream ends. Data goes to the inbox: nothing here waits for anything but the
// bridge. Other frames go to other, if it is set.
func (s *stream) receive(other func(t wire.Type, payload []byte) error) {
	defer s.end()
	for {
		t, payload, err := s.frames.Read()
		if err != nil || s.hasEnded() {
			return
		}
		switch {
		case t == wire.TypeData, t == wire.TypeEOF:
			err = s.inbox.Add(t, payload)
		case t == wire.TypeCredit:
			var n uint32
			if n, err = wire.ParseUint32(payload); err == nil {
				err = s.credit.Add(int(n))
			}
		case other != nil:
			err = other(t, payload)
		default:
			err = wire.ErrMalformed
		}
		if err != nil {
			return
		}
	}
}

// end ends the stream. A write that waits for the bridge fails, and so does a read.
func (s *stream) end() {
	s.once.Do(func() {
		close(s.ended)
		s.credit.Close()
		s.conn.SetReadDeadline(time.Unix(1, 0))
		s.conn.Close()
	})
}

func (s *stream) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *stream) write(t wire.Type, payload []byte) error {
	return wire.Write(s.conn, t, payload)
}

func (s *stream) begun(b wire.Begun) error { return s.write(wire.TypeBegun, b.Payload()) }

// fail tells the bridge why the request failed, and ends the stream.
func (s *stream) fail(why string) {
	s.write(wire.TypeFailed, []byte(why[:min(len(why), 1<<10)]))
	s.end()
}

// sink takes the data of a stream.
type sink interface {
	io.Writer
	CloseWrite() error
}

// flusher is a sink that wants to know when there is no more data for now.
type flusher interface{ Flush() error }

// deliver lets the stream's data move to a sink. It calls done when the sink has got all of it, or takes no more.
// After that, data is dropped: a command need not read its stdin.
func (s *stream) deliver(to sink, done func()) {
	closed := false
	end := func() {
		if !closed {
			closed = true
			to.CloseWrite()
			done()
		}
	}
	flush := func() {
		if f, ok := to.(flusher); ok && !closed {
			f.Flush() // if this fails, so will the next write
		}
	}
	s.inbox.Start(func(t wire.Type, data []byte) {
		if t == wire.TypeEOF {
			s.inbox.Settle() // so that the bridge knows that all of it has moved on
			flush()
			end()
		} else if !closed {
			if _, err := to.Write(data); err != nil {
				end()
			}
		}
	}, flush)
}

// pump reads from a descriptor until its end, and sends the data as frames of type t. It holds no buffer while
// there is nothing to read. At the end the error is nil, or EIO from a terminal.
func (s *stream) pump(t wire.Type, from syscall.RawConn) error {
	for {
		var frame *[wire.HeaderSize + wire.MaxData]byte
		var n int
		var err error
		if !s.credit.Wait() {
			return net.ErrClosed
		}
		crowded := false // somebody else has taken the credit in the meantime
		closed := from.Read(func(fd uintptr) bool {
			size := s.credit.Take(wire.MaxData)
			if crowded = size == 0; crowded {
				return true
			}
			frame = wire.NewFrame()
			n, err = unix.Read(int(fd), frame[wire.HeaderSize:wire.HeaderSize+size])
			for err == unix.EINTR {
				n, err = unix.Read(int(fd), frame[wire.HeaderSize:wire.HeaderSize+size])
			}
			s.credit.Add(size - max(n, 0))
			if err == unix.EAGAIN {
				wire.FreeFrame(frame)
				frame = nil
				return false
			}
			return true
		})
		if crowded {
			continue
		}
		if frame == nil {
			return closed
		}
		if err == nil && n > 0 && n <= wire.SmallChunk {
			// The write may take a while, and many streams may wait for one at once: so use a small buffer.
			small := t.Frame(make([]byte, 0, wire.HeaderSize+n), frame[wire.HeaderSize:wire.HeaderSize+n])
			wire.FreeFrame(frame)
			_, err = s.conn.Write(small)
		} else {
			if err == nil && n > 0 {
				_, err = s.conn.Write(t.Frame(frame[:0], frame[wire.HeaderSize:wire.HeaderSize+n]))
			}
			wire.FreeFrame(frame)
		}
		if err != nil || n <= 0 {
			return err
		}
	}
}

// drain sends what is left in a terminal, and waits for nothing more.
func (s *stream) drain(master *os.File) {
	b := make([]byte, wire.MaxData)
	for {
		if !s.credit.Wait() {
			return
		}
		n, size := 0, s.credit.Take(len(b))
		control(master, func(fd int) (err error) {
			n, err = unix.Read(fd, b[:size])
			return err
		})
		s.credit.Add(size - max(n, 0))
		if n <= 0 || s.write(wire.TypeData, b[:n]) != nil {
			return
		}
	}
}
