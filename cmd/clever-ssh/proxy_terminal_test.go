//go:build unix

package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"github.com/creack/pty"
)

const promptPattern = `bas@` + instanceWeb + ` ~ \$ `

// A person at a terminal gets a terminal on the far side too. Its size is right and follows
// changes, and the exit status comes back.
func TestTerminal(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		term := start(t, h.command("ssh", appWeb+".clever"))
		term.expect(t, promptPattern)
		term.send(t, "tty; stty size\n")
		term.expect(t, `/dev/pts/\d+\r\n33 101\r\n`)
		term.expect(t, promptPattern)
		if err := pty.Setsize(term.File, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
			t.Fatal(err)
		}
		// The change is sent apart from the input, so ask until it has arrived.
		term.send(t, "until [ \"$(stty size)\" = '40 120' ]; do sleep 0.05; done; echo resi''zed\n")
		term.expect(t, `resized\r\n`)
		term.expect(t, promptPattern)
		term.send(t, "exit 5\n")
		if got := term.status(t); got != 5 {
			t.Errorf("exit status %d, want 5", got)
		}
	})
}

// Ctrl-C reaches the far side, and ssh's own escape still works.
func TestTerminalKeys(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		term := start(t, h.command("ssh", "web.clever"))
		term.expect(t, promptPattern)
		term.send(t, "sh -c 'echo run\"\"ning; exec sleep 1000'\n")
		term.expect(t, `running\r\n`)
		term.send(t, "\x03")
		term.expect(t, promptPattern)
		term.send(t, "\n~.")
		term.status(t)
		expectGone(t, h)
	})
}

// The far side has a terminal even if this side has none.
func TestStdinIsNoTerminal(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, h *home) {
		cmd := h.command("ssh", "web.clever")
		cmd.Stdin = strings.NewReader("tty; exit 3\n")
		out, _ := cmd.Output()
		if !regexp.MustCompile(`/dev/pts/\d+\r\n`).Match(out) || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("a pipe as stdin: %v\n%s", cmd.ProcessState, out)
		}
		// With /dev/null nobody can type exit. The prompt shows that there is a terminal.
		cmd = h.command("ssh", "web.clever")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		found := make(chan bool, 1)
		go func() {
			var seen []byte
			for b := make([]byte, 256); ; {
				n, err := stdout.Read(b)
				if seen = append(seen, b[:n]...); bytes.Contains(seen, []byte("bas@"+instanceWeb)) || err != nil {
					found <- err == nil
					return
				}
			}
		}()
		if !test.Within(t, "a prompt with /dev/null as stdin", found) {
			t.Error("no prompt with /dev/null as stdin")
		}
	})
}
