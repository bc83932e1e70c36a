package hostile

import (
	"encoding/binary"
	"math/big"
)

// Knob turns one thing about a packet wrong.
type Knob func(*frame)

type frame struct {
	padding       int // bytes of padding
	length        uint32
	paddingLength byte
}

// Padding makes the padding n bytes long, and the packet's length accordingly.
func Padding(n int) Knob {
	return func(f *frame) {
		f.length += uint32(n - f.padding)
		f.padding, f.paddingLength = n, byte(n)
	}
}

// MorePadding makes the padding n bytes longer; a packet with a multiple of 8 is well-formed.
func MorePadding(n int) Knob { return func(f *frame) { Padding(f.padding + n)(f) } }

// ClaimLength writes a packet_length other than the packet's.
func ClaimLength(n uint32) Knob { return func(f *frame) { f.length = n } }

// ClaimPadding writes a padding_length other than the padding's.
func ClaimPadding(n byte) Knob { return func(f *frame) { f.paddingLength = n } }

// Frame puts a message into a cleartext packet (RFC 4253, section 6) and then turns the knobs in order.
func Frame(payload []byte, knobs ...Knob) []byte {
	n := 8 - (4+1+len(payload))%8
	if n < 4 {
		n += 8
	}
	f := frame{padding: n, length: uint32(1 + len(payload) + n), paddingLength: byte(n)}
	for _, turn := range knobs {
		turn(&f)
	}
	b := binary.BigEndian.AppendUint32(nil, f.length)
	b = append(b, f.paddingLength)
	b = append(b, payload...)
	return append(b, make([]byte, f.padding)...)
}

// Uint32, String and Mpint are the data types of RFC 4251, section 5.
func Uint32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func String(s []byte) []byte { return append(Uint32(uint32(len(s))), s...) }

func Mpint(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return String(b)
}

// takeString splits the first string off a message from the client, which is trusted to be well-formed.
func takeString(b []byte) (s, rest []byte) {
	n := 4 + binary.BigEndian.Uint32(b)
	return b[4:n], b[n:]
}
