//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"github.com/creack/pty"
)

// terminal is a command in a pseudo-terminal, as if a person had started it.
type terminal struct {
	*os.File
	cmd *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
	read   int // how much of screen has been expected
	change chan struct{}
	done   chan struct{}
}

// start runs a command in a terminal with 33 rows of 101 columns.
func start(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	blocking, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 101})
	if err != nil {
		t.Fatal(err)
	}
	// A non-blocking file can be closed while it is read.
	fd, err := syscall.Dup(int(blocking.Fd()))
	blocking.Close()
	if err == nil {
		syscall.CloseOnExec(fd)
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "terminal")
	term := &terminal{File: f, cmd: cmd, change: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(term.done)
		for buffer := make([]byte, 4096); ; {
			n, err := f.Read(buffer)
			term.mu.Lock()
			term.screen.Write(buffer[:n])
			term.mu.Unlock()
			select {
			case term.change <- struct{}{}:
			default:
			}
			if err != nil { // EIO is how a terminal ends on Linux
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		f.Close()
		<-term.done
	})
	return term
}

// expect waits until the screen shows a pattern after what was expected before, and returns the
// match.
func (term *terminal) expect(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(test.Patience)
	ended := false
	for {
		term.mu.Lock()
		rest := term.screen.Bytes()[term.read:]
		if at := re.FindIndex(rest); at != nil {
			found := string(rest[at[0]:at[1]])
			term.read += at[1]
			term.mu.Unlock()
			return found
		}
		shown := string(rest)
		term.mu.Unlock()
		if ended {
			t.Fatalf("%q did not come before the end; there is\n%s", pattern, shown)
		}
		select {
		case <-term.change:
		case <-term.done:
			ended = true
		case <-timeout:
			t.Fatalf("%q did not come; there is\n%s", pattern, shown)
		}
	}
}

// send types text.
func (term *terminal) send(t *testing.T, text string) {
	t.Helper()
	if _, err := term.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// status waits for the command to end and returns its exit status.
func (term *terminal) status(t *testing.T) int {
	t.Helper()
	select {
	case <-term.done:
	case <-time.After(test.Patience):
		term.mu.Lock()
		defer term.mu.Unlock()
		t.Fatalf("the command did not end; there is\n%s", term.screen.String())
	}
	term.cmd.Wait()
	return term.cmd.ProcessState.ExitCode()
}
