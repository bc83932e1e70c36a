//go:build unix

package clevertools

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
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
	for _, c := range []struct{ link, path, err string }{
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
		if err := os.Symlink(c.link, file); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			l := Linked(dir, os.Getuid())
			if l.Path != c.path || (l.Skipped != nil) != (c.err != "") {
				t.Errorf("a link to %s: %+v", c.link, l)
			} else if l.Skipped != nil && (!strings.Contains(l.Skipped[0].Error(), c.err) || strings.Count(l.Skipped[0].Error(), file) != 1) {
				t.Errorf("a link to %s: %v", c.link, l.Skipped)
			}
		}()
		test.Within(t, "a link to "+c.link, done)
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
	if l := Linked(filepath.Dir(file), os.Getuid()); len(l.Skipped) != 1 || !strings.Contains(l.Skipped[0].Error(), file) {
		t.Errorf("%+v; want an error with the path", l)
	}
}

// A folder's name comes with the repository, too.
func TestFolderName(t *testing.T) {
	unset(t)
	dir := filepath.Join(t.TempDir(), "x\nclever-ssh: all is well\x1b[2J")
	write(t, filepath.Join(dir, ".clever.json"), "{")
	l := Linked(dir, os.Getuid())
	if len(l.Skipped) != 1 || !strings.Contains(l.Skipped[0].Error(), `x\nclever-ssh`) {
		t.Fatalf("%+v", l)
	}
	checkMessage(t, l.Skipped[0])
}

// A file that another account may have made registers nothing, whatever is in it. A file from a colleague is
// reported.
func TestLinkedOfOthers(t *testing.T) {
	unset(t)
	test.NeedRoot(t)
	const me, other = 51234, 51235
	for _, test := range []struct {
		about            string
		folder, file     int // who owns them
		folderMode, mode os.FileMode
		taken            bool
		skipped          string
	}{
		{"mine", me, me, 0o755, 0o644, true, ""},
		{"mine, with umask 002", me, me, 0o775, 0o664, true, ""},
		{"mine, in a folder of root's that my group shares", 0, me, os.ModeSetgid | 0o775, 0o664, true, ""},
		{"root's", 0, 0, 0o755, 0o644, true, ""},
		{"planted where everybody can write", 0, other, os.ModeSticky | 0o777, 0o644, false, "anyone can write to its folder"},
		{"mine, where everybody can write", 0, me, os.ModeSticky | 0o777, 0o644, false, "anyone can write to its folder"},
		{"a colleague's in a folder that we share", 0, other, os.ModeSetgid | 0o775, 0o664, false, "it belongs to somebody else"},
		{"mine in somebody else's folder", other, me, 0o755, 0o644, false, "its folder belongs to somebody else"},
		{"mine, for everybody to write", me, me, 0o755, 0o666, false, "anyone can write to it"},
	} {
		root := t.TempDir()
		if err := errors.Join(os.Chmod(root, 0o755), os.Chmod(filepath.Dir(root), 0o755)); err != nil { // or nobody could get there
			t.Fatal(err)
		}
		above := write(t, filepath.Join(root, ".clever.json"), linkFile)
		folder := filepath.Join(root, "shared")
		file := write(t, filepath.Join(folder, ".clever.json"), `{"apps":[{"app_id":"app_a","alias":"a"}]}`)
		dir := filepath.Join(folder, "project")
		for _, err := range []error{os.Mkdir(dir, 0o755), os.Chown(dir, me, me), os.Chmod(above, 0o644), os.Chown(file, test.file, -1), os.Chmod(file, test.mode),
			os.Chown(folder, test.folder, -1), os.Chmod(folder, test.folderMode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		l := Linked(dir, me)
		switch {
		case test.taken && (l.Path != file || len(l.Applications) != 1 || l.Skipped != nil):
			t.Errorf("%s: %+v", test.about, l)
		case !test.taken && (l.Applications != nil || len(l.Skipped) != 1 || l.Skipped[0].Error() != file+" was ignored: "+test.skipped):
			t.Errorf("%s: %+v, want %q", test.about, l, test.skipped)
		}
		// Without the file, what is above counts only if the way there is ours.
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		l = Linked(dir, me)
		if ours := !strings.Contains(test.skipped, "folder"); l.Skipped != nil || (l.Path == above) != ours {
			t.Errorf("%s, without the file: %+v", test.about, l)
		}
	}
}
