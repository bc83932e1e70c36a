// Package field parses values in SSH's own encoding (RFC 4251, section 5), and appends them. Its callers use
// it on data from hostile peers: it trusts no length beyond the bytes that have arrived.
package field

import "encoding/binary"

// Reader reads one field after another. After the first missing or malformed field it has failed, and
// everything it returns is empty.
type Reader struct {
	rest   []byte
	failed bool
}

// NewReader returns a reader for the fields of a message, which it does not copy.
func NewReader(message []byte) *Reader { return &Reader{rest: message} }

// Failed reports whether something was missing or malformed.
func (r *Reader) Failed() bool { return r.failed }

// Whole reports whether the whole message has been read and was well-formed.
func (r *Reader) Whole() bool { return !r.failed && len(r.rest) == 0 }

func (r *Reader) take(n uint64) []byte {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// Uint32 reads a uint32.
func (r *Reader) Uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a uint64.
func (r *Reader) Uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Bytes reads a string. The result is a part of the message, not a copy.
func (r *Reader) Bytes() []byte { return r.take(uint64(r.Uint32())) }

// Text reads a string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Bool reads a boolean. RFC 4251 takes any byte but 0 for true; our honest peers only write 0 and 1.
func (r *Reader) Bool() bool {
	b := r.take(1)
	if b == nil {
		return false
	}
	if b[0] > 1 {
		r.failed, r.rest = true, nil
	}
	return b[0] == 1
}

// AppendText appends a string to a message.
func AppendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// AppendBool appends a boolean to a message.
func AppendBool(b []byte, is bool) []byte {
	if is {
		return append(b, 1)
	}
	return append(b, 0)
}
