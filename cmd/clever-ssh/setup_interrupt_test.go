//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
)

// Interrupting setup while ssh reads its configuration leaves everything as it was, whether setup
// has written nothing yet or everything.
func TestInterruptedSetup(t *testing.T) {
	for _, call := range []int{1, 3} { // of ssh; the first two ask what it makes of the suffix so far
		t.Run(fmt.Sprint(call), func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			calls := filepath.Join(h.dir, "calls")
			own := fmt.Sprintf("Match exec \"echo call >>%s; test $(wc -l <%s) -lt %d || sleep 150\"\n    Port 7\n", calls, calls, call)
			if err := os.WriteFile(h.path("config"), []byte(own), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(calls, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := h.command("clever-ssh", "setup", "web="+appWeb)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			test.Eventually(t, "ssh is asked", func() bool {
				text, _ := os.ReadFile(calls)
				return strings.Count(string(text), "\n") >= call
			})
			cmd.Process.Signal(syscall.SIGINT)
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "your files are as they were") {
				t.Errorf("%v\n%s", err, &said)
			}
			if text, err := os.ReadFile(h.path("config")); err != nil || string(text) != own {
				t.Errorf("%v\n%s", err, text)
			}
			if _, err := os.Stat(h.path("clever")); err == nil {
				t.Error("the entries are still there")
			}
		})
	}
}
