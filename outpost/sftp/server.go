//go:build linux

package sftp

import (
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// The status of a request (section 7).
const (
	statusOK          = 0
	statusEOF         = 1
	statusNoSuchFile  = 2
	statusDenied      = 3
	statusFailure     = 4
	statusBadMessage  = 5
	statusUnsupported = 8
)

// maxHandles is how many files one session may have open.
const maxHandles = 1000

// Server serves one session. Write takes its packets and answers them in turn. Answers may wait for Flush.
type Server struct {
	home string
	send func(packets []byte) error
	ids  identities

	closing atomic.Bool

	mu      sync.Mutex
	in      []byte // the beginning of a packet
	waiting []byte // answers not sent yet
	data    []byte
	handles map[uint32]*handle
	next    uint32

	// These belong to the packet that is being served. They are here so that it needs no memory of its own.
	fields  field.Reader
	request request
	answer  answer
}

// handle is a file or a folder that is open.
type handle struct {
	fd       int // of a file
	appends  bool
	folder   *os.File // nil for a file
	dotsTold bool
}

// New returns a server whose paths begin at home, which is absolute, unless they are absolute themselves. It sends
// its answers with send, several at a time; send must not keep them.
func New(home string, send func(packets []byte) error) *Server {
	return &Server{home: home, send: send, handles: map[uint32]*handle{}}
}

// Write takes what a client sent. An error ends the session: a packet is malformed, the client is gone, or
// the server was closed.
func (s *Server) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(data)
	for !s.closing.Load() {
		packet, rest, err := s.packet(data)
		if err != nil {
			return 0, err
		}
		data = rest
		if packet == nil {
			return n, nil
		}
		if err := s.serve(packet); err != nil {
			return 0, err
		}
		s.in = s.in[:0]
	}
	return 0, os.ErrClosed
}

// packet returns the next complete packet, if there is one, and the data after it.
func (s *Server) packet(data []byte) (packet, rest []byte, err error) {
	const lengthSize = 4
	need := lengthSize
	for {
		if len(s.in) >= lengthSize {
			n := binary.BigEndian.Uint32(s.in)
			if n == 0 || n > maxPacket {
				return nil, nil, errMalformed
			}
			need = lengthSize + int(n)
		}
		if len(s.in) == need && need > lengthSize {
			return s.in[lengthSize:], data, nil
		}
		if len(data) == 0 {
			return nil, nil, nil
		}
		take := min(need-len(s.in), len(data))
		s.in = append(s.in, data[:take]...)
		data = data[take:]
	}
}

// Close closes what is open, after the request that is being served. It is the last one.
func (s *Server) Close() {
	s.closing.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for number := range s.handles {
		s.close(number)
	}
}

func (s *Server) close(number uint32) error {
	h := s.handles[number]
	if h == nil {
		return unix.ENOENT
	}
	delete(s.handles, number)
	if h.folder != nil {
		return h.folder.Close()
	}
	return unix.Close(h.fd)
}

// serve answers one packet.
func (s *Server) serve(packet []byte) error {
	p, r, a := &s.fields, &s.request, &s.answer
	*p, *r = *field.NewReader(packet[1:]), request{home: s.home}
	a.id, a.packet = p.Uint32(), a.packet[:0]
	m := methodFor(packet[0], p)
	m.read(r, p)
	if p.Failed() {
		return errMalformed
	}
	if err := m.do(s, r, a); err != nil || len(a.packet) == 0 {
		a.status(err)
	}
	return s.reply(a.packet)
}

// maxWaiting is how many bytes of answers wait at most. A larger answer is sent at once.
const maxWaiting = 16 << 10

func (s *Server) reply(packet []byte) error {
	if len(s.waiting)+len(packet) > maxWaiting {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if len(packet) > maxWaiting {
		return s.send(packet)
	}
	s.waiting = append(s.waiting, packet...)
	return nil
}

// Flush sends the answers that wait. The error ends the session: the client is gone.
func (s *Server) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flush()
}

func (s *Server) flush() error {
	if len(s.waiting) == 0 {
		return nil
	}
	err := s.send(s.waiting)
	s.waiting = s.waiting[:0]
	return err
}

func (s *Server) version(_ *request, a *answer) error {
	a.packet = append(a.packet[:0], 0, 0, 0, 0, typeVersion) // it has no id
	a.packet = binary.BigEndian.AppendUint32(a.packet, 3)
	for _, e := range extensions {
		a.packet = field.AppendText(field.AppendText(a.packet, e.name), e.version)
	}
	a.finish()
	return nil
}

// add makes a handle.
func (s *Server) add(a *answer, h *handle) {
	s.next++
	for s.next == 0 || s.handles[s.next] != nil {
		s.next++
	}
	s.handles[s.next] = h
	a.begin(typeHandle)
	a.packet = field.AppendText(a.packet, string(binary.BigEndian.AppendUint32(nil, s.next)))
	a.finish()
}

// fd returns the descriptor of an open handle. It is valid until the handle is closed.
func (s *Server) fd(number uint32) (int, error) {
	h := s.handles[number]
	switch {
	case h == nil:
		return -1, errNoHandle
	case h.folder == nil:
		return h.fd, nil
	}
	fd := -1
	raw, err := h.folder.SyscallConn()
	if err == nil {
		err = raw.Control(func(of uintptr) { fd = int(of) })
	}
	return fd, err
}
