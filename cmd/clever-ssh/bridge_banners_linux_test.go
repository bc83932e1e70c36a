package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// peakMemory returns the most memory that a process had, in bytes, until it was done. wait(2) does not help: it
// includes the memory of the process before its exec, which was the tests' own.
func peakMemory(pid int, done <-chan struct{}) (most int) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
			var kilobytes int
			fmt.Sscan(string(after), &kilobytes)
			most = max(most, kilobytes<<10)
		}
		select {
		case <-done:
			return most
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A gateway whose greeting never ends fills neither the memory nor the screen.
func TestEndlessBanners(t *testing.T) {
	test.Long(t)
	t.Parallel()
	h := testHome(t)
	const size = 40 << 20
	wordy{banner: strings.Repeat("Welcome to the gateway.\r\n", 1000), banners: size / 25_000}.start(t, h)
	for _, args := range [][]string{{"exec", "-v", "web.clever", "true"}, {"doctor", "web.clever"}} {
		cmd := h.command("clever-ssh", args...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		used := peakMemory(cmd.Process.Pid, done)
		if out.Len() > 4*64<<10 {
			t.Errorf("%q: %d bytes on the screen", args, out.Len())
		}
		// Fourteen for the program, and more for the race detector. Without a bound it was several times the
		// size of the banners.
		if used == 0 || used > size {
			t.Errorf("%q: %d MiB of memory", args, used>>20)
		} else {
			t.Logf("%q: %d MiB of memory", args, used>>20)
		}
	}
}
