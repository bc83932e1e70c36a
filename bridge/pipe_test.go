package bridge

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"clever-ssh/outpost/wire"
)

// slowWriter accepts a write only when it is told to.
type slowWriter struct {
	takes chan error
	got   [][]byte
}

func (w *slowWriter) Write(data []byte) (int, error) {
	if err := <-w.takes; err != nil {
		return 0, err
	}
	w.got = append(w.got, bytes.Clone(data))
	return len(data), nil
}

func TestOutbox(t *testing.T) {
	w := &slowWriter{takes: make(chan error)}
	o := newOutbox(w)
	for _, text := range []string{"a", "b", "c", "d"} {
		if n, err := o.Write([]byte(text)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	close(w.takes)
	o.flush()
	if got := string(bytes.Join(w.got, nil)); got != "abcd" || len(w.got) > 2 {
		t.Errorf("%q in %d pieces", got, len(w.got))
	}
}

// Writers wait for a client that reads nothing, and learn when it is gone.
func TestOutboxIsBounded(t *testing.T) {
	w := &slowWriter{takes: make(chan error)}
	o := newOutbox(w)
	gone := errors.New("gone")
	written, ended := 0, make(chan error)
	go func() {
		for {
			n, err := o.Write(make([]byte, 64<<10))
			written += n
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	w.takes <- nil
	w.takes <- gone
	if err := <-ended; err != gone {
		t.Error(err)
	}
	// One outbox is with the client, and the next is full.
	if most := 4 * outboxSize; written > most {
		t.Errorf("%d bytes were taken, of at most %d", written, most)
	}
	o.flush()
	if _, err := o.Write([]byte("x")); err != gone {
		t.Error(err)
	}
}

func TestGrowing(t *testing.T) {
	content := []byte(strings.Repeat("0123456789abcdef", 64<<10))
	if err := iotest.TestReader(&growing{from: bytes.NewReader(content)}, content); err != nil {
		t.Error(err)
	}
	for name, from := range map[string]io.Reader{
		"byte by byte":           iotest.OneByteReader(bytes.NewReader(content[:5000])),
		"the end with the data":  iotest.DataErrReader(bytes.NewReader(content[:5000])),
		"a full first and a few": io.MultiReader(bytes.NewReader(content[:wire.LeastBuffer]), bytes.NewReader(content[wire.LeastBuffer:5000])),
	} {
		got, err := io.ReadAll(&growing{from: from})
		if err != nil || !bytes.Equal(got, content[:5000]) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}
