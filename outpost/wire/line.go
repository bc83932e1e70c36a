package wire

import (
	"bufio"
	"encoding/binary"
	"io"
	"time"

	"github.com/hashicorp/yamux"
)

// Greeting is the first thing that an outpost writes. It names the version of the wire, so that another
// version's is known at once.
const Greeting = "clever-ssh outpost 1\n"

// config is how both ends of a line multiplex streams over it. Neither relies on yamux's own keep-alive: its
// pings would wait behind data on a slow path, and be taken for a dead one.
func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.AcceptBacklog = 4096
	c.EnableKeepAlive = false
	c.ConnectionWriteTimeout = 10 * time.Minute
	c.MaxStreamWindowSize = Window
	c.StreamOpenTimeout = 0
	c.StreamCloseTimeout = time.Minute // the other side closes its end at once, or is not honest
	c.LogOutput = io.Discard
	return c
}

// Near is the session of the side that opens streams. It closes conn when it ends.
func Near(conn io.ReadWriteCloser) (*yamux.Session, error) {
	j := newJoining(conn)
	j.opensNothing = true
	return yamux.Client(j, config())
}

// Far is the session of the outpost. It closes conn when it ends.
func Far(conn io.ReadWriteCloser) (*yamux.Session, error) {
	return yamux.Server(newJoining(conn), config())
}

// joining writes the header of a frame together with its data, which yamux writes separately. ssh makes one
// packet of whatever it reads at once, so a header by itself would be a packet of its own. joining reads as
// much as there is.
type joining struct {
	io.ReadWriteCloser
	in   *bufio.Reader
	held []byte // a header whose data has not come yet

	// opensNothing says that the other side must not open streams or ask for pings. If it does, it is cut off
	// before yamux allocates anything for it: each of those costs a goroutine, and a stream also a window of
	// memory.
	opensNothing bool
	header       [muxHeader]byte
	have         int    // bytes of a header that have come
	body         uint32 // bytes of data that are still to come
}

func newJoining(conn io.ReadWriteCloser) *joining {
	return &joining{ReadWriteCloser: conn, in: bufio.NewReaderSize(conn, PipeSize)}
}

// PipeSize is how much the pipes of a line hold, in bytes, where that can be chosen.
const PipeSize = 256 << 10

func (j *joining) Read(b []byte) (int, error) {
	n, err := j.in.Read(b)
	if j.opensNothing && !j.follow(b[:n]) {
		return 0, ErrMalformed
	}
	return n, err
}

// follow follows the frames that come, and reports whether none of them opens anything.
func (j *joining) follow(b []byte) bool {
	for len(b) > 0 {
		if j.body > 0 {
			n := min(uint32(len(b)), j.body)
			j.body -= n
			b = b[n:]
			continue
		}
		n := copy(j.header[j.have:], b)
		j.have += n
		b = b[n:]
		if j.have < muxHeader {
			continue
		}
		j.have = 0
		if binary.BigEndian.Uint16(j.header[2:])&muxOpen != 0 {
			return false
		}
		if j.header[1] == muxData {
			j.body = binary.BigEndian.Uint32(j.header[8:])
		}
	}
	return true
}

// The header of a frame of yamux: version and type, a byte each, two of flags, four of the stream's number,
// and four that are the length of the data.
const (
	muxHeader = 12
	muxData   = 0 // the type
	muxOpen   = 1 // the flag of a frame that opens a stream, or asks for a ping
)

// Write is called by one goroutine at a time.
func (j *joining) Write(b []byte) (int, error) {
	if len(j.held) == 0 && len(b) == muxHeader && b[1] == muxData && [4]byte(b[8:]) != [4]byte{} {
		j.held = append(j.held, b...)
		return len(b), nil
	}
	if len(j.held) == 0 {
		return j.ReadWriteCloser.Write(b)
	}
	j.held = append(j.held, b...)
	n, err := j.ReadWriteCloser.Write(j.held)
	n = max(0, n-(len(j.held)-len(b)))
	j.held = j.held[:0]
	return n, err
}
