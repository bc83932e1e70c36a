package login

import (
	"bytes"
	"strings"
	"sync"
)

// TailBuffer keeps the end of what is written to it: the writer may never stop.
type TailBuffer struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// maxKept bounds what is kept, in bytes. Nobody reads more than that.
const maxKept = 64 << 10

// Write never fails.
func (t *TailBuffer) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - maxKept; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(b), nil
}

// String returns the text that is kept. It begins with a whole line.
func (t *TailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut { // the first line may be only the end of one
		_, whole, _ := bytes.Cut(t.kept, []byte{'\n'})
		return string(whole)
	}
	return string(t.kept)
}

// Lines returns the lines that are kept, without the empty ones.
func (t *TailBuffer) Lines() (list []string) {
	for line := range strings.Lines(t.String()) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
