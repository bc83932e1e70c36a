package bridge

import (
	"io"
	"testing"
	"testing/synctest"
)

// Text that looks like the beginning of the marker is passed on if nothing follows for a while. A marker in
// pieces is found.
func TestCopyUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := marker{"01234567", "89abcdef"}
		in, out := io.Pipe()
		received, write := io.Pipe()
		found := make(chan bool, 1)
		go func() {
			ok, _ := copyUntil(write, in, end)
			found <- ok
		}()
		for _, message := range []string{"a0", "b012", "c"} {
			io.WriteString(out, message)
			answer := make([]byte, len(message))
			if _, err := io.ReadFull(received, answer); err != nil || string(answer) != message {
				t.Fatalf("%q, %v, want %q", answer, err, message)
			}
		}
		for _, piece := range []string{"012345678", "9abcdef:", "0", ";"} {
			io.WriteString(out, piece)
		}
		if !<-found {
			t.Error("the marker was not found")
		}
	})
}
