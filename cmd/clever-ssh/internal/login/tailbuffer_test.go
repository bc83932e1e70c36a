package login

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestTailBuffer(t *testing.T) {
	var b TailBuffer
	io.WriteString(&b, "one\r\n\n\ntwo")
	if got := b.Lines(); b.String() != "one\r\n\n\ntwo" || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q, lines %q", b.String(), got)
	}
	for i := range 3 {
		io.WriteString(&b, strings.Repeat(fmt.Sprintf("%d is a line\n", i), maxKept/16))
	}
	lines := b.Lines()
	if first, last := lines[0], lines[len(lines)-1]; first != "1 is a line" || last != "2 is a line" || len(b.kept) != maxKept {
		t.Errorf("of %d bytes the first line is %q and the last %q", len(b.kept), first, last)
	}
	io.WriteString(&b, strings.Repeat("x", 2*maxKept))
	if got := b.String(); got != "" {
		t.Errorf("%d bytes are left of one line that was cut", len(got))
	}
}

// However it is written, the text that is kept is bounded, is the end of what was written, and begins at the
// start of a line.
func FuzzTailBuffer(f *testing.F) {
	f.Add([]byte("one\ntwo\n"), uint16(3), uint32(0))
	f.Add([]byte("one\r\n\r\ntwo"), uint16(1), uint32(maxKept))
	f.Add([]byte("\n"), uint16(1), uint32(maxKept+1))
	f.Add([]byte("no end"), uint16(2), uint32(2*maxKept))
	f.Fuzz(func(t *testing.T, text []byte, chunk uint16, size uint32) {
		if len(text) == 0 {
			return
		}
		text = bytes.Repeat(text, int(size%(3*maxKept))/len(text)+1)
		var b TailBuffer
		for piece := range slices.Chunk(text, max(int(chunk), 64)) {
			if n, err := b.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(piece), err)
			}
		}
		got := []byte(b.String())
		if len(b.kept) > maxKept || !bytes.HasSuffix(text, got) {
			t.Fatalf("%d bytes are kept, and are not the end", len(b.kept))
		}
		before := text[:len(text)-len(got)]
		if len(text) <= maxKept && len(before) > 0 {
			t.Fatalf("%d bytes are missing, with room for them", len(before))
		}
		if len(got) > 0 && len(before) > 0 && before[len(before)-1] != '\n' {
			t.Fatal("what is kept begins within a line")
		}
		for _, line := range b.Lines() {
			if line == "" || strings.Contains(line, "\n") || !bytes.Contains(text, []byte(line)) {
				t.Fatalf("a line is %q", line)
			}
		}
	})
}
