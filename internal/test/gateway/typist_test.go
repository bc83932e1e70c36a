package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// typist is a session with a terminal, or a program with one, into which a test types.
type typist struct {
	*ssh.Session
	io.Writer
	t      *testing.T
	screen *screen
}

// openTerminal asks for a terminal of 132 columns and 43 rows and then for the target; empty means the menu.
func openTerminal(t *testing.T, client *ssh.Client, target string) *typist {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm-256color", 43, 132, nil); err != nil {
		t.Fatal(err)
	}
	screen := newScreen()
	session.Stdout, session.Stderr = screen, screen
	keyboard, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if target == "" {
		err = session.Shell()
	} else {
		err = session.Start(target)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &typist{session, keyboard, t, screen}
}

func (y *typist) typeIn(text string) {
	y.t.Helper()
	if _, err := io.WriteString(y, text); err != nil {
		y.t.Fatalf("typing %q: %v; the screen shows %q", text, err, y.screen)
	}
}

// expect waits until what has appeared since the last expect matches, and returns the match.
func (y *typist) expect(pattern string) string {
	y.t.Helper()
	match, err := y.screen.waitFor(regexp.MustCompile(pattern))
	if err != nil {
		y.t.Fatalf("waiting for %q: %v; the screen shows %q", pattern, err, y.screen)
	}
	return match
}

// screen is what a session has written. A test can wait for it.
type screen struct {
	mu      sync.Mutex
	written *sync.Cond
	text    bytes.Buffer
	seen    int
}

func newScreen() *screen {
	s := &screen{}
	s.written = sync.NewCond(&s.mu)
	return s
}

func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written.Broadcast()
	return s.text.Write(text)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) waitFor(pattern *regexp.Regexp) (string, error) {
	expired := false
	timer := time.AfterFunc(test.Patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		expired = true
		s.written.Broadcast()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if at := pattern.FindIndex(s.text.Bytes()[s.seen:]); at != nil {
			match := string(s.text.Bytes()[s.seen:][at[0]:at[1]])
			s.seen += at[1]
			return match, nil
		}
		if expired {
			return "", fmt.Errorf("it did not come within %v", test.Patience)
		}
		s.written.Wait()
	}
}

// prompt returns the pattern for an instance's prompt, in its home folder.
func prompt(instance string) string { return "bas@" + instance + ` ~ \$ ` }
