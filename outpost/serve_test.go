//go:build linux

package outpost

import (
	"net"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

// A silent line ends, and one that only pings does not.
func TestSilence(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	near, far := net.Pipe()
	session, err := wire.Near(near)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		Serve(far, Options{Silence: 2 * time.Second})
	}()
	for begin := time.Now(); time.Since(begin) < 4*time.Second; time.Sleep(100 * time.Millisecond) {
		if _, err := session.Ping(); err != nil {
			t.Fatal(err)
		}
	}
	test.Within(t, "the end of a silent line", served)
}
