// Package wire is the protocol that the bridge and the outpost speak on the streams of a line: frames, the
// requests that open a stream, and the replies to them.
//
// A stream begins with one request frame from the bridge, and nothing waits for its answer: data may follow
// at once. The outpost answers Begun or Failed, once. From then on frames go both ways until either side
// closes the stream, which ends whatever it was for. There is no half-closed stream: the end of data in one
// direction is an EOF frame, so that the end of the stream always means that the other side is gone.
//
// Both sides read every frame as it comes, so that a signal never waits behind data that a command does not
// read, and data in one direction never behind data in the other. So each sends at most Window bytes of data
// that the other has not given Credit for.
//
// Neither side trusts the other: every length is checked before anything is kept, and text from the outpost
// is never a path, a command, or fit for a terminal as it is.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Version changes whenever two builds would misunderstand each other. The outpost says it first of all, see
// Greeting.
const Version = 1

// Type is what a frame is.
type Type byte

// The requests that open a stream. Their payloads are the structures of the same name.
const (
	TypeExec    Type = 'X' // run a command or a shell
	TypeFiles   Type = 'F' // serve SFTP; no payload
	TypeConnect Type = 'C' // connect to an address
	TypeListen  Type = 'L' // listen for connections, until the stream ends
	TypeAccept  Type = 'A' // wait for a listener's next connection
)

// What may follow toward the outpost.
const (
	TypeSignal Type = 's' // the payload is a signal's name without SIG (RFC 4254, section 6.10)
	TypeResize Type = 'z' // the payload is a Size
)

// What may follow in both directions.
const (
	TypeData Type = 'd' // of stdin, of stdout, or of a connection
	TypeEOF  Type = 'e' // no more data in this direction; no payload
	// TypeCredit says how many bytes of data have been passed on; the payload is a uint32.
	TypeCredit Type = 'c'
)

// What the outpost says.
const (
	TypeBegun     Type = 'b' // the payload is a Begun
	TypeFailed    Type = 'f' // the payload is the reason, text for a person; the stream ends
	TypeErrorData Type = 'r' // data of a command's stderr
	TypeNote      Type = 'n' // text for a person, about something that is not an end
	TypeExit      Type = 'x' // the payload is an Exit; the stream ends
)

const (
	// MaxData is the most that one frame holds of data, in bytes.
	MaxData = 64 << 10
	// maxPayload is the most that any frame holds: a command may be as long as Linux passes to a program, and
	// so may its environment.
	maxPayload = 256 << 10
	// Window is how many bytes of data may be on their way in each direction without Credit.
	Window = 2 << 20

	// HeaderSize is how many bytes of a frame come before its payload.
	HeaderSize = 4
)

// ErrMalformed reports a frame or a payload that an honest peer would not send.
var ErrMalformed = errors.New("the outpost sent something that clever-ssh does not understand")

// Frame appends a frame to b.
func (t Type) Frame(b []byte, payload []byte) []byte {
	n := len(payload)
	b = append(b, byte(t), byte(n>>16), byte(n>>8), byte(n))
	return append(b, payload...)
}

// Write writes a frame, in one write, after which the writer must not keep it. The error is the writer's, or
// says that the payload is too long.
func Write(w io.Writer, t Type, payload []byte) error {
	if len(payload) > maxPayload {
		return fmt.Errorf("a frame of %d bytes is longer than %d", len(payload), maxPayload)
	}
	frame := make([]byte, 0, HeaderSize)
	if n := len(payload); n > SmallChunk && n <= MaxData {
		large := NewFrame()
		defer FreeFrame(large)
		frame = large[:0]
	}
	_, err := w.Write(t.Frame(frame, payload))
	return err
}

// frames are buffers of large frames.
var frames = sync.Pool{New: func() any { return new([HeaderSize + MaxData]byte) }}

// NewFrame returns a buffer for any frame of data.
func NewFrame() *[HeaderSize + MaxData]byte { return frames.Get().(*[HeaderSize + MaxData]byte) }

// FreeFrame takes back a frame's buffer that nobody uses any more.
func FreeFrame(frame *[HeaderSize + MaxData]byte) { frames.Put(frame) }

// Reader reads frames. While it waits for one it holds no buffer, so that many idle streams cost little.
type Reader struct {
	r      io.Reader
	header [HeaderSize]byte
	small  [64]byte
	buffer *[MaxData]byte
}

// NewReader returns a Reader of what comes from r. It never reads past a frame.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Read returns the next frame. Its payload is valid until the next Read. The error is io.EOF at the end
// between two frames, io.ErrUnexpectedEOF within one, ErrMalformed, or the reader's.
func (r *Reader) Read() (Type, []byte, error) {
	if r.buffer != nil {
		buffers.Put(r.buffer)
		r.buffer = nil
	}
	if _, err := io.ReadFull(r.r, r.header[:]); err != nil {
		return 0, nil, err
	}
	t := Type(r.header[0])
	n := int(r.header[1])<<16 | int(r.header[2])<<8 | int(r.header[3])
	if n > t.max() {
		return 0, nil, ErrMalformed
	}
	payload := r.payload(n)
	if _, err := io.ReadFull(r.r, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return t, payload, nil
}

func (r *Reader) payload(n int) []byte {
	switch {
	case n <= len(r.small):
		return r.small[:n]
	case n <= MaxData:
		r.buffer = buffers.Get().(*[MaxData]byte)
		return r.buffer[:n]
	}
	return make([]byte, n)
}

// max is how long the payload of a type may be; negative if there is no such type.
func (t Type) max() int {
	switch t {
	case TypeExec:
		return maxPayload
	case TypeConnect, TypeListen, TypeBegun, TypeFailed, TypeNote, TypeExit:
		return 8 << 10
	case TypeData, TypeErrorData:
		return MaxData
	case TypeSignal:
		return 32
	case TypeResize:
		return 16
	case TypeCredit, TypeAccept:
		return 4
	case TypeFiles, TypeEOF:
		return 0
	}
	return -1
}

// Uint32 is the payload of a Credit, and of an Accept.
func Uint32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// ParseUint32 reads it. The error is ErrMalformed.
func ParseUint32(payload []byte) (uint32, error) {
	if len(payload) != 4 {
		return 0, ErrMalformed
	}
	return binary.BigEndian.Uint32(payload), nil
}
