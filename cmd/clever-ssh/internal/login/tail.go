package login

import (
	"bytes"
	"strings"
	"sync"
)

// Tail keeps the end of what is written to it: whoever speaks may never stop.
type Tail struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// maxTail is more than a person reads.
const maxTail = 64 << 10

func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - maxTail; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(b), nil
}

func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut { // what is left of a line says little
		_, whole, _ := bytes.Cut(t.kept, []byte{'\n'})
		return string(whole)
	}
	return string(t.kept)
}

// Lines are those that are not empty.
func (t *Tail) Lines() (list []string) {
	for line := range strings.Lines(t.String()) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
