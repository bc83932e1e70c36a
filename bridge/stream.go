package bridge

import (
	"errors"
	"io"
	"sync"

	"clever-ssh/internal/quote"
	"clever-ssh/outpost/wire"
)

// stream is the near end of a stream to an outpost.
type stream struct {
	conn   io.ReadWriteCloser
	frames *wire.Reader

	writing sync.Mutex // one frame at a time

	credit *wire.Credit // for data to the outpost
}

// openStream sends the request that begins a stream. It does not wait for the answer.
func openStream(conn io.ReadWriteCloser, t wire.Type, request []byte) (*stream, error) {
	s := &stream{conn: conn, frames: wire.NewReader(&growing{from: conn}), credit: wire.NewCredit()}
	if err := wire.Write(conn, t, request); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// send sends a frame.
func (s *stream) send(t wire.Type, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return wire.Write(s.conn, t, payload)
}

// sendAll sends what it reads until there is no more, for whatever reason, and then tells the outpost about the end.
// It returns early if the stream ends; a read may be under way then.
func (s *stream) sendAll(from io.Reader) {
	buf := make([]byte, wire.LeastBuffer)
	for {
		n, err := from.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			size := s.take(len(rest))
			if size == 0 || s.send(wire.TypeData, rest[:size]) != nil {
				return
			}
			rest = rest[size:]
		}
		if err != nil {
			s.send(wire.TypeEOF, nil)
			return
		}
		buf = wire.Fit(buf, n, wire.MaxData)
	}
}

// take waits for credit, and takes some of it, enough for one frame at most; 0 if the stream has ended.
func (s *stream) take(most int) int {
	for s.credit.Wait() {
		if n := s.credit.Take(min(most, wire.MaxData)); n > 0 {
			return n
		}
	}
	return 0
}

// next returns the next frame that is not for the stream itself. The payload is valid until the next call.
func (s *stream) next() (wire.Type, []byte, error) {
	for {
		t, payload, err := s.frames.Read()
		if err != nil || t != wire.TypeCredit {
			return t, payload, err
		}
		n, err := wire.ParseUint32(payload)
		if err == nil {
			err = s.credit.Add(int(n))
		}
		if err != nil {
			return 0, nil, err
		}
	}
}

// close ends the stream, and what it is for.
func (s *stream) close() {
	s.conn.Close()
	s.credit.Close()
}

// begun waits until the stream's command or connection has begun. If it did not begin, the error is a *outpostFailure
// with the outpost's reason, or says that the line broke.
func (s *stream) begun() (*wire.Begun, error) {
	t, payload, err := s.next()
	switch {
	case err != nil:
		return nil, ErrBroken
	case t == wire.TypeFailed:
		return nil, &outpostFailure{outpostText(payload)}
	case t != wire.TypeBegun:
		return nil, wire.ErrMalformed
	}
	return wire.ParseBegun(payload)
}

// give gives the outpost credit for data that was taken.
func (s *stream) give(n int) { s.send(wire.TypeCredit, wire.Uint32(uint32(n))) }

// outpostText returns a text of the outpost's that is fit to be shown: one line, and not a long one.
func outpostText(payload []byte) string {
	const most = 200
	return quote.Line(string(payload[:min(len(payload), most)]))
}

// outpostFailure is the outpost's reason for not doing something, printable.
type outpostFailure struct{ reason string }

func (e *outpostFailure) Error() string { return e.reason }

// isOutpostFailure reports whether an error is the outpost's answer, and not the end of the line.
func isOutpostFailure(err error) bool { return errors.As(err, new(*outpostFailure)) }
