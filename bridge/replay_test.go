package bridge

import (
	"bytes"
	"io"
	"testing"
)

// A stream can be read again from its beginning, as long as little was read; and it says when that was too much.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 10, maxReplay, maxReplay + 1, 2 * maxReplay} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		r := newReplay(bytes.NewReader(data))
		first, stop := r.reader()
		if got, err := io.ReadAll(first); !bytes.Equal(got, data) || err != nil {
			t.Errorf("%d bytes of %d, %v", len(got), size, err)
		}
		stop()
		if whole := r.whole(); whole != (size <= maxReplay) {
			t.Errorf("all %d bytes can be read again: %v", size, whole)
		} else if again, _ := r.reader(); whole {
			if got, err := io.ReadAll(again); !bytes.Equal(got, data) || err != nil {
				t.Errorf("again %d bytes of %d, %v", len(got), size, err)
			}
		}
		r.close()
	}
}
