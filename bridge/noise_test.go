package bridge

import "testing"

// Only a bounded part of a flood is kept.
func TestFloodIsBounded(t *testing.T) {
	t.Parallel()
	var n noise
	for range 1000 {
		n.add(false, make([]byte, 10_000))
		n.add(true, make([]byte, 10_000))
	}
	if len(n.stdout.text) != maxNoise || cap(n.stdout.text) > 4*maxNoise || len(n.stderr.text) != maxNoise {
		t.Errorf("%d bytes in %d", len(n.stdout.text), cap(n.stdout.text))
	}
}
