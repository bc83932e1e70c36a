package bridge

import (
	"slices"
	"strings"
	"sync"

	"clever-ssh/internal/quote"
)

// maxNoise is how much of each stream's output before the marker is kept. That is enough for any message of the
// gateway, even a list of maxInstances, and for the end of the output of a program that never stops.
const maxNoise = 256 << 10

// noise is everything that came before the marker, on both streams. Its methods may be called from several
// goroutines.
type noise struct {
	script *script // shown without it

	mu             sync.Mutex
	stdout, stderr tail
}

// tail is the end of a stream.
type tail struct {
	text []byte
	cut  bool // there was more
}

func (t *tail) add(data []byte) {
	t.text = append(t.text, data...)
	if over := len(t.text) - maxNoise; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
}

// words keeps the end of a stream for somebody who may look at it while more comes.
type words struct {
	mu   sync.Mutex
	tail tail
}

func (w *words) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tail.add(data)
	return len(data), nil
}

func (w *words) text() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tail.text)
}

func (n *noise) add(stderr bool, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stderr {
		n.stderr.add(data)
	} else {
		n.stdout.add(data)
	}
}

// question returns the gateway's question if the noise holds one. silent means that nothing has come for a
// while.
func (n *noise) question(silent bool) *QuestionError {
	n.mu.Lock()
	defer n.mu.Unlock()
	return question(string(n.stdout.text), string(n.stderr.text), silent)
}

// stdoutText returns what came on stdout.
func (n *noise) stdoutText() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.stdout.text)
}

// merged reports whether stderr's marker came on stdout.
func (n *noise) merged() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, end, _ := n.script.stderr.find(n.stdout.text)
	return end > 0
}

// echoed reports whether the script came back on stdout.
func (n *noise) echoed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.script.oneStream() && strings.Contains(string(n.stdout.text), n.script.hello.first+" "+n.script.hello.second)
}

// list returns the instances that the noise lists.
func (n *noise) list() []Instance {
	n.mu.Lock()
	defer n.mu.Unlock()
	return readList(string(n.stdout.text) + "\n" + string(n.stderr.text))
}

// refusal returns the gateway's refusal if the noise holds one.
func (n *noise) refusal() *RefusedError {
	n.mu.Lock()
	defer n.mu.Unlock()
	return refusalOn(string(n.stdout.text), string(n.stderr.text))
}

// networkFault reports whether the last words say that the network failed. On a terminal, everything is on
// stdout.
func (n *noise) networkFault() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.script.oneStream() {
		return networkFault(string(n.stdout.text))
	}
	return networkFault(string(n.stderr.text))
}

// String returns the noise in printable lines without a last line feed, and without the script.
func (n *noise) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var parts []string
	ours := n.script.echoes()
	for _, t := range []tail{n.stdout, n.stderr} {
		text := strings.Trim(quote.Lines(ours.cut(string(t.text))), "\n")
		if t.cut {
			text = "…" + text
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n")
}
