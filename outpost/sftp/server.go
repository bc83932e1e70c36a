//go:build linux

package sftp

import (
	"encoding/binary"
	"os"
	"strings"
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
	out     []byte
	waiting []byte // answers not sent yet
	data    []byte
	handles map[uint32]*handle
	next    uint32
}

// handle is a file or a folder that is open.
type handle struct {
	fd       int // of a file
	appends  bool
	folder   *os.File // nil for a file
	dotsTold bool
}

// New returns a server whose paths begin at home unless they are absolute. It sends its answers with send,
// several at a time; send must not keep them.
func New(home string, send func(packets []byte) error) *Server {
	return &Server{home: home, send: send, handles: map[uint32]*handle{}}
}

// Write takes what a client sent. An error ends the session: a packet is malformed, or the client is gone.
func (s *Server) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(data)
	for {
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

// Close closes what is open, after the request that is being served.
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
		return unix.EBADF
	}
	delete(s.handles, number)
	if h.folder != nil {
		return h.folder.Close()
	}
	return unix.Close(h.fd)
}

// serve answers one packet.
func (s *Server) serve(packet []byte) error {
	p := field.NewReader(packet[1:])
	id := p.Uint32()
	if packet[0] == typeInit {
		return s.version()
	}
	answer := &answer{server: s, id: id}
	s.request(packet[0], p, answer)
	if p.Failed() {
		return errMalformed
	}
	if len(answer.packet) == 0 {
		answer.status(nil)
	}
	s.out = answer.packet[:0]
	return s.answer(answer.packet)
}

// maxWaiting is how many bytes of answers wait at most. A larger answer is sent at once.
const maxWaiting = 16 << 10

func (s *Server) answer(packet []byte) error {
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

func (s *Server) version() error {
	b := append(make([]byte, 4), typeVersion)
	b = binary.BigEndian.AppendUint32(b, 3)
	for _, name := range extensionNames {
		b = field.AppendText(field.AppendText(b, name), extensionVersions[name])
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return s.answer(b)
}

// request does what a packet asks for. If it sends no answer, the request has succeeded. A malformed packet
// must have no effect, so each case reads all of it first.
func (s *Server) request(t byte, p *field.Reader, a *answer) {
	switch t {
	case typeOpen:
		path, flags, attributes := s.path(p), p.Uint32(), readAttributes(p)
		if !p.Failed() {
			s.open(a, path, flags, attributes)
		}
	case typeClose:
		number := readHandle(p)
		if !p.Failed() {
			a.status(s.close(number))
		}
	case typeRead:
		number, offset, n := readHandle(p), p.Uint64(), p.Uint32()
		if !p.Failed() {
			s.read(a, number, offset, n)
		}
	case typeWrite:
		number, offset, data := readHandle(p), p.Uint64(), p.Bytes()
		if !p.Failed() {
			a.status(s.write(number, offset, data))
		}
	case typeLstat, typeStat:
		path := s.path(p)
		if !p.Failed() {
			s.stat(a, path, t == typeStat)
		}
	case typeFstat:
		number := readHandle(p)
		if p.Failed() {
			return
		}
		var stat unix.Stat_t
		fd, err := s.fd(number)
		if err == nil {
			err = unix.Fstat(fd, &stat)
		}
		a.attributes(&stat, err)
	case typeSetstat:
		path, attributes := s.path(p), readAttributes(p)
		if !p.Failed() {
			a.status(attributes.setPath(path, true))
		}
	case typeFsetstat:
		number, attributes := readHandle(p), readAttributes(p)
		if p.Failed() {
			return
		}
		fd, err := s.fd(number)
		if err == nil {
			err = attributes.setFile(fd)
		}
		a.status(err)
	case typeOpendir:
		path := s.path(p)
		if !p.Failed() {
			s.openFolder(a, path)
		}
	case typeReaddir:
		number := readHandle(p)
		if !p.Failed() {
			s.readFolder(a, number)
		}
	case typeRemove:
		path := s.path(p)
		if !p.Failed() {
			a.status(unix.Unlink(path))
		}
	case typeMkdir:
		path, attributes := s.path(p), readAttributes(p)
		if !p.Failed() {
			a.status(unix.Mkdir(path, attributes.mode(0o777)))
		}
	case typeRmdir:
		path := s.path(p)
		if !p.Failed() {
			a.status(unix.Rmdir(path))
		}
	case typeRealpath:
		path := p.Text()
		if !p.Failed() {
			a.path(s.realPath(path))
		}
	case typeRename:
		from, to := s.path(p), s.path(p)
		if !p.Failed() {
			a.status(rename(from, to))
		}
	case typeReadlink:
		path := s.path(p)
		if !p.Failed() {
			a.path(os.Readlink(path))
		}
	case typeSymlink:
		// All clients send these two in OpenSSH's order, which is not the draft's.
		target, path := p.Text(), s.path(p)
		if !p.Failed() {
			a.status(unix.Symlink(target, path))
		}
	case typeExtended:
		s.extended(p.Text(), p, a)
	default:
		a.status(unix.ENOSYS)
	}
}

// path reads a path.
func (s *Server) path(p *field.Reader) string { return s.absolute(p.Text()) }

func (s *Server) absolute(path string) string {
	if path == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return strings.TrimSuffix(s.home, "/") + "/" + path
}

func readHandle(p *field.Reader) uint32 {
	b := p.Bytes()
	if len(b) != 4 {
		return 0 // no handle has this number
	}
	return binary.BigEndian.Uint32(b)
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
		return -1, unix.EBADF
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

// answer is the answer to one request.
type answer struct {
	server *Server
	id     uint32
	packet []byte
}

func (a *answer) begin(t byte) {
	a.packet = append(a.server.out[:0], 0, 0, 0, 0, t)
	a.packet = binary.BigEndian.AppendUint32(a.packet, a.id)
}

func (a *answer) finish() { binary.BigEndian.PutUint32(a.packet, uint32(len(a.packet)-4)) }

// status answers a request that has no other answer, with how it ended.
func (a *answer) status(err error) {
	code, text := statusOf(err)
	a.begin(typeStatus)
	a.packet = binary.BigEndian.AppendUint32(a.packet, code)
	a.packet = field.AppendText(field.AppendText(a.packet, text), "")
	a.finish()
}

// end answers that there is nothing more to read.
func (a *answer) end() {
	a.begin(typeStatus)
	a.packet = binary.BigEndian.AppendUint32(a.packet, statusEOF)
	a.packet = field.AppendText(field.AppendText(a.packet, "End of file"), "")
	a.finish()
}

func (a *answer) attributes(stat *unix.Stat_t, err error) {
	if err != nil {
		a.status(err)
		return
	}
	a.begin(typeAttrs)
	a.packet = appendAttributes(a.packet, stat)
	a.finish()
}

// path answers with a path, and with empty attributes.
func (a *answer) path(path string, err error) {
	if err != nil {
		a.status(err)
		return
	}
	a.begin(typeName)
	a.packet = binary.BigEndian.AppendUint32(a.packet, 1)
	a.packet = field.AppendText(field.AppendText(a.packet, path), path)
	a.packet = binary.BigEndian.AppendUint32(a.packet, 0)
	a.finish()
}
