package field

import (
	"encoding/binary"
	"testing"
)

func TestReader(t *testing.T) {
	message := AppendText(AppendBool(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, 7), 1<<40), true), "text")
	r := NewReader(message)
	if n, long, is, text := r.Uint32(), r.Uint64(), r.Bool(), r.Text(); n != 7 || long != 1<<40 || !is || text != "text" || !r.Whole() {
		t.Error(n, long, is, text, r)
	}
	for n := range message {
		r := NewReader(message[:n])
		r.Uint32()
		r.Uint64()
		r.Bool()
		if text := r.Text(); text != "" || !r.Failed() || r.Whole() {
			t.Errorf("%d bytes: %q", n, text)
		}
	}
	if r := NewReader(append(message, 0)); r.Uint32() != 7 || r.Whole() || r.Failed() {
		t.Error("a byte too many was not noticed")
	}
	if r := NewReader([]byte{2, 0}); r.Bool() || !r.Failed() || r.Bool() {
		t.Error("2 is a boolean")
	}
	if r := NewReader([]byte{0xff, 0xff, 0xff, 0xff, 1}); r.Bytes() != nil || !r.Failed() {
		t.Error("a string of 4 GB")
	}
}
