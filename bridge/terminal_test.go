//go:build unix

package bridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

// screen holds what a command in a terminal shows.
type screen struct {
	t        *testing.T
	cmd      *exec.Cmd
	keyboard *os.File
	done     chan struct{}

	mu   sync.Mutex
	text strings.Builder
	read int
}

func inTerminal(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	s := &screen{t: t, cmd: cmd, done: make(chan struct{})}
	var err error
	if s.keyboard, err = pty.StartWithSize(cmd, &pty.Winsize{Rows: 25, Cols: 90}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		// Until the error that marks the terminal's end.
		for buf := make([]byte, 4096); ; {
			n, err := s.keyboard.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		<-s.done
		s.keyboard.Close()
	})
	return s
}

// all returns everything that was shown.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// expect waits for text after the text expected before.
func (s *screen) expect(text string) {
	s.t.Helper()
	test.Eventually(s.t, fmt.Sprintf("%q comes", text), func() bool {
		at := strings.Index(s.all()[s.read:], text)
		if at >= 0 {
			s.read += at + len(text)
		}
		return at >= 0
	}, func() string { return fmt.Sprintf("the screen shows %q", s.all()) })
}

func (s *screen) typeIn(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keyboard, keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the command's end, and returns its exit status.
func (s *screen) end() int {
	s.t.Helper()
	timer := time.AfterFunc(test.Patience, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	s.cmd.Wait()
	<-s.done
	return s.cmd.ProcessState.ExitCode()
}

func TestSSHCommandInTerminal(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		command := `printf 'a\n'; stty size; tty >/dev/null && echo "$TERM" "$-"; read x; echo "<$x>"; while [ "$(stty size)" != '30 120' ]; do sleep 0.02; done; exit 7`
		s := inTerminal(t, w.command("ssh", "-t", "web", command))
		s.expect("a\r\n25 90\r\nvt220 hBc\r\n")
		if s.read != len("a\r\n25 90\r\nvt220 hBc\r\n") {
			t.Errorf("before the command's output there is more: %q", s.all())
		}
		s.typeIn("typed\r")
		s.expect("typed\r\n<typed>\r\n")
		if err := pty.Setsize(s.keyboard, &pty.Winsize{Rows: 30, Cols: 120}); err != nil {
			t.Fatal(err)
		}
		if status := s.end(); status != 7 {
			t.Errorf("exit status %d, %q", status, s.all())
		}
	})
}

func TestSSHTerminalEnds(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		s := inTerminal(t, w.command("ssh", "-t", "web", "echo $$ > pid; cp pid "+w.path("pid")+"; trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"))
		s.expect("ready\r\n")
		s.typeIn("\x03")
		if status := s.end(); status != 9 {
			t.Errorf("interrupted: exit status %d, %q", status, s.all())
		}

		s = inTerminal(t, w.command("ssh", "-t", "web", "echo $$ > "+w.path("pid")+"; trap 'echo hup > "+w.path("hup")+"; exit' HUP; echo ready; while :; do sleep 0.05; done"))
		s.expect("ready\r\n")
		s.typeIn("~.") // not at the beginning of a line, where ssh would take it
		s.typeIn("\r~.")
		s.end()
		test.Eventually(t, "the command is hung up on", func() bool {
			text, _ := os.ReadFile(w.path("hup"))
			return string(text) == "hup\n"
		})
	})
}

// An exec of the target itself, and a shell, are the interactive session, and show its greeting.
func TestSSHInteractive(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		for _, args := range [][]string{{"-t", "web", target}, {"-t", "web"}} {
			s := inTerminal(t, w.command("ssh", args...))
			s.expect("Opening an ssh shell")
			s.expect("$ ")
			s.typeIn("stty size; exit 5\r")
			s.expect("25 90\r\n")
			if status := s.end(); status != 5 {
				t.Errorf("exit status %d, %q", status, s.all())
			}
		}
	})
}

// Without a terminal, the interactive session is a shell that reads commands.
func TestSSHShell(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		for _, args := range [][]string{{"web", target}, {"-T", "web"}, {"-T", "-D", reservedAddress(t), "-o", "RemoteCommand=none", "web"}, {"-T", "web", "bash"}, {"-T", "web", "sh"}} {
			cmd := w.command("ssh", args...)
			cmd.Stdin = strings.NewReader("echo one\ncat <<'E'\ntwo\nE\nread x\nthree\necho $x; echo four >&2\nexit 6\n")
			got := run(t, cmd)
			if args[len(args)-1] == "sh" {
				continue // dash reads ahead
			}
			if want := (result{"one\ntwo\nthree\n", "four\n", 6}); got != want {
				t.Errorf("%v: %+v", args, got)
			}
		}
	})
}

// Text typed before the command has begun does not go to the shell.
func TestTerminalTypeAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startFake(t, w)
	cmd := w.command("ssh", "-tt", "web", "read x; echo \"<$x>\"; exit 3")
	cmd.Stdin = strings.NewReader("touch " + w.path("here") + "\n")
	got := run(t, cmd)
	if !strings.Contains(got.stdout, "<touch "+w.path("here")+">\r\n") || got.status != 3 {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(w.path("here")); err == nil {
		t.Error("what was typed was executed")
	}
}

// Commands of any length, with any shell at the prompt.
func TestTerminalShells(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 5000)
	for _, shell := range []string{"bash --noprofile --norc -i", "bash -i", "dash -i", "busybox sh -i", "zsh -f -i", "ksh -i", "tcsh -f -i", "fish --no-config -i"} {
		t.Run(shell, func(t *testing.T) {
			name, _, _ := strings.Cut(shell, " ")
			t.Parallel()
			test.Need(t, name)
			w := newWorld(t)
			startSSHDWith(t, w, fmt.Sprintf("#!/bin/sh\nexport HOME=%s\necho hello\nexec %s\n", w.dir, shell))
			if err := os.WriteFile(filepath.Join(w.dir, ".bashrc"), []byte("echo from bashrc\nPS1='$(date) '\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := inTerminal(t, w.command("ssh", "-t", "web", "echo '"+long+"'; stty -a | grep -c ' icanon.* echo '; exit 8"))
			if status := s.end(); status != 8 || s.all() != long+"\r\n1\r\n" && !strings.HasPrefix(s.all(), long+"\r\n1\r\nConnection to") {
				t.Errorf("exit status %d, %q", status, s.all())
			}
		})
	}
}

// runInTestTerminal runs a command that does not begin, and returns why.
func runInTestTerminal(t *testing.T, o Options, command string) error {
	t.Helper()
	var reason error
	const message = "it did not begin\nthat is all\n"
	o.Message = func(err error) string {
		reason = err
		return message
	}
	client := connectInProcess(t, o)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.RequestPty("vt220", 25, 80, nil); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	session.Stdout, session.Stderr = &stdout, &stderr
	err = session.Run(command)
	exit := new(ssh.ExitError)
	if !errors.As(err, &exit) || exit.ExitStatus() != 255 || stdout.Len() > 0 || stderr.String() != strings.ReplaceAll(message, "\n", "\r\n") {
		t.Errorf("%v, stdout %q, stderr %q", err, &stdout, &stderr)
	}
	return reason
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Login files that end their shell are left out here too.
func TestTerminalLoginFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startSSHD(t, w)
	w.write(t, "instance/.bash_profile", "echo hello; exec cat\n", 0o600)
	s := inTerminal(t, w.command("ssh", "-t", "-q", "web", "echo it runs; exit 4"))
	if status := s.end(); status != 4 || !strings.HasSuffix(s.all(), "it runs\r\n") || !strings.HasPrefix(s.all(), "warning: the login files") {
		t.Errorf("exit status %d, %q", status, s.all())
	}
}
