package ui

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/atomicfile"
)

// What an error prints: its lines, then all hints, the outermost first, and nothing that a terminal obeys.
func TestError(t *testing.T) {
	inner := Hint(errors.New("it failed:\n\x1b[2Jgateway: owned\r"), "type: inner\x07")
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("it failed"), "clever-ssh: it failed\n"},
		{inner, "clever-ssh: it failed:\nclever-ssh: \\x1b[2Jgateway: owned\\r\nhint: type: inner\\a\n"},
		{Hint(fmt.Errorf("x: %w", inner), "first", "second"),
			"clever-ssh: x: it failed:\nclever-ssh: \\x1b[2Jgateway: owned\\r\nhint: first\nhint: second\nhint: type: inner\\a\n"},
		{Hint(errors.New("it failed")), "clever-ssh: it failed\n"},
		{fmt.Errorf("x: %w", atomicfile.ErrNotRegular), "clever-ssh: x: " + atomicfile.ErrNotRegular.Error() + "\nhint: something else is at that path: move it away\n"},
	} {
		var b strings.Builder
		Error(&b, c.err)
		if b.String() != c.want {
			t.Errorf("%q, want %q", b.String(), c.want)
		}
	}
}

// The system's complaint about a file comes with a hint of its own, before those that were added.
func TestHintsOfFiles(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: t.TempDir() + "/file", Err: fs.ErrPermission}
	hints := Hints(Hint(fmt.Errorf("x: %w", denied), "added"))
	if len(hints) != 2 || !strings.HasPrefix(hints[0], "check the owners and permissions: ") || hints[1] != "added" {
		t.Errorf("%q", hints)
	}
	absent := &fs.PathError{Op: "open", Path: "file", Err: fs.ErrNotExist}
	if hints := Hints(absent); hints != nil {
		t.Errorf("a file that is not there: %q", hints)
	}
}

// Whatever a note quotes stays on its line, and no line of the gateway's passes for ours.
func TestNote(t *testing.T) {
	var b strings.Builder
	Note(&b, "%s is %d", "a\nhint: b", 1)
	io.WriteString(&b, FromGateway("Welcome\nclever-ssh: owned\n\n"))
	if want := "clever-ssh: a\\nhint: b is 1\ngateway: Welcome\ngateway: clever-ssh: owned\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// A step is told from an error by its time, and is shown again with ours.
func TestSteps(t *testing.T) {
	var b strings.Builder
	Steps = &b
	defer func() { Steps = nil }()
	ShowSteps("clever-ssh: 0.123s  the host key is pinned")
	ShowSteps("clever-ssh: the host key is not pinned")
	ShowSteps("gateway: 0.123s  the host key is pinned")
	lines := slices.Collect(strings.Lines(b.String()))
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "s  the host key is pinned\n") || !IsStep(strings.TrimPrefix(lines[0], Prefix)) {
		t.Errorf("%q", lines)
	}
}
