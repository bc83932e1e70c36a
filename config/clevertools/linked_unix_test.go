//go:build unix

package clevertools

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a repository can put in the place of its .clever.json, apart from a file.
func TestLinkedNoFile(t *testing.T) {
	unset(t)
	root := t.TempDir()
	top := write(t, filepath.Join(root, ".clever.json"), linkFile)
	elsewhere := write(t, filepath.Join(root, "elsewhere"), linkFile)
	fifo := filepath.Join(root, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ link, path, err string }{
		{fifo, "", "not a regular file"},
		{"/dev/zero", "", "not a regular file"},
		{"/dev/tty", "", "not a regular file"},
		{root, "", "not a regular file"},
		{".clever.json", "", "reading"},
		{elsewhere, filepath.Join(root, "project", ".clever.json"), ""},
		{filepath.Join(root, "absent"), top, ""},
	} {
		dir := filepath.Join(root, "project")
		file := filepath.Join(dir, ".clever.json")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		if err := os.Symlink(test.link, file); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			path, _, _, err := Linked(dir)
			if path != test.path || (err != nil) != (test.err != "") {
				t.Errorf("a link to %s: %q, %v", test.link, path, err)
			} else if err != nil && (!strings.Contains(err.Error(), test.err) || strings.Count(err.Error(), file) != 1) {
				t.Errorf("a link to %s: %v", test.link, err)
			}
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("a link to %s: it waits", test.link)
		}
	}
}

func TestUnreadable(t *testing.T) {
	unset(t)
	root := t.TempDir()
	write(t, filepath.Join(root, ".clever.json"), linkFile)
	file := write(t, filepath.Join(root, "project", ".clever.json"), linkFile)
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(file); err == nil {
		f.Close()
		t.Skip("this account can read everything")
	}
	if _, _, _, err := Linked(filepath.Dir(file)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v; want an error with the path", err)
	}
}

// A folder's name comes with the repository, too.
func TestFolderName(t *testing.T) {
	unset(t)
	dir := filepath.Join(t.TempDir(), "x\nclever-ssh: all is well\x1b[2J")
	write(t, filepath.Join(dir, ".clever.json"), "{")
	_, _, _, err := Linked(dir)
	if err == nil || !strings.Contains(err.Error(), `x\nclever-ssh`) {
		t.Fatalf("%v", err)
	}
	checkMessage(t, err)
}
