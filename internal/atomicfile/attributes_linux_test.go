package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/sys/unix"
)

// setfacl changes the access list of a file. It skips the test if that is not possible.
func setfacl(t *testing.T, path string, args ...string) {
	t.Helper()
	test.Need(t, "setfacl")
	if out, err := exec.Command("setfacl", append(args, path)...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "Operation not supported") {
			t.Skip("this file system has no access lists")
		}
		t.Fatalf("setfacl: %v\n%s", err, out)
	}
}

func getfacl(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("getfacl", "-cnp", path).Output()
	must(t, err)
	return string(out)
}

// Those whom a file's access list lets in, and nobody else, have access to its replacement.
func TestAccessListIsKept(t *testing.T) {
	for _, list := range []string{
		"u::rw,u:1:r,g::---,m::r,o::---", // the mode looks as if the group could read
		"u::rw,u:1:rw,g:2:r,g::r,m::r,o::---",
		"u::rw,g::r,o::r", // no more than a mode
	} {
		dir := ordinaryFolder(t)
		path := filepath.Join(dir, "file")
		write(t, path, "old", 0o600)
		setfacl(t, path, "--set", list)
		give(t, path)
		before, info := getfacl(t, path), stat(t, path)
		if err := Write(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		expectContent(t, path, "new")
		if now := getfacl(t, path); now != before || stat(t, path).Mode() != info.Mode() {
			t.Errorf("mode %v, was %v, and the list is\n%sand was\n%s", stat(t, path).Mode(), info.Mode(), now, before)
		}
		// The list also survives an undo.
		broken := errors.New("broken")
		if err := Replace([]Change{{path, []byte("new"), []byte("newer")}}, func() error { return broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
		if now := getfacl(t, path); now != before {
			t.Errorf("undone, the list is\n%sand was\n%s", now, before)
		}
	}
}

// What new files inherit from a folder does not open a file that was closed before.
func TestInheritedAccessListOpensNothing(t *testing.T) {
	dir := ordinaryFolder(t)
	write(t, dir+"/file", "old", 0o640)
	give(t, dir+"/file")
	setfacl(t, dir, "-d", "-m", "u:1:rw")
	before := getfacl(t, dir+"/file")
	for _, name := range []string{"file", "new"} {
		if err := Write(filepath.Join(dir, name), []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	if now := getfacl(t, dir+"/file"); now != before {
		t.Errorf("the list is\n%sand was\n%s", now, before)
	}
	if list := getfacl(t, dir+"/new"); !strings.Contains(list, "mask::---") && strings.Contains(list, "user:1:") {
		t.Errorf("the list of a new file is\n%s", list)
	}
	expectMode(t, dir+"/new", 0o600)
}

// The notes of people and programs in a file's attributes are also kept.
func TestAttributesAreKept(t *testing.T) {
	dir := ordinaryFolder(t)
	path := filepath.Join(dir, "file")
	write(t, path, "old", 0o600)
	want := map[string]string{"user.note": "mine\x00\xff", "user.empty": ""}
	for name, value := range want {
		if err := unix.Lsetxattr(path, name, []byte(value), 0); errors.Is(err, unix.ENOTSUP) {
			t.Skip("this file system has no such attributes")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	give(t, path)
	must(t, Write(path, []byte("new")))
	expectContent(t, path, "new")
	for name, value := range want {
		buffer := make([]byte, 100)
		if n, err := unix.Lgetxattr(path, name, buffer); err != nil || string(buffer[:n]) != value {
			t.Errorf("%s is %q, error %v", name, buffer[:max(n, 0)], err)
		}
	}
}

// A file whose attributes the account cannot give to another is left alone, like one with several names.
func TestAttributesThatCannotBeKept(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	path := filepath.Join(dir, "file")
	write(t, path, "old", 0o600)
	give(t, path)
	if err := unix.Lsetxattr(path, "security.clever-ssh-test", []byte("label"), 0); err != nil {
		t.Skip("no such attribute can be set here: ", err)
	}
	before := test.Tree(t, dir)
	if err := Write(path, []byte("new")); !errors.Is(err, ErrAttributes) || !strings.Contains(err.Error(), "security.clever-ssh-test") {
		t.Errorf("error %v", err)
	}
	expectTree(t, dir, before)
	if err := Write(path, []byte("old")); err != nil {
		t.Errorf("with nothing to change: %v", err)
	}
}

// An account cannot give its file a group that it is not in. That only matters if the group's access differs from
// everybody's.
func TestGroupThatTheAccountIsNotIn(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		mode    fs.FileMode
		list    string
		refused bool
	}{
		{mode: 0o600}, {mode: 0o644}, {mode: 0o640, refused: true}, {mode: 0o604, refused: true}, {mode: 0o660, refused: true}, {mode: 0o700}, {mode: 0o755},
		{mode: 0o600, list: "u::rw,u:1:r,g::r,m::---,o::---"},
		{mode: 0o644, list: "u::rw,u:1:r,g::---,m::r,o::r", refused: true},
	} {
		dir := ordinaryFolder(t)
		path := filepath.Join(dir, "file")
		write(t, path, "old", c.mode)
		if c.list != "" {
			setfacl(t, path, "--set", c.list)
		}
		must(t, os.Chown(path, account, 0))
		before := test.Tree(t, dir)
		err := Write(path, []byte("new"))
		group := new(GroupError)
		if c.refused {
			if !errors.As(err, &group) || group.GID != 0 || !strings.Contains(err.Error(), "you are not in its group (root)") {
				t.Errorf("%04o %s: error %v", c.mode, c.list, err)
			}
			expectTree(t, dir, before)
			continue
		}
		if err != nil {
			t.Errorf("%04o %s: %v", c.mode, c.list, err)
			continue
		}
		expectContent(t, path, "new")
		expectMode(t, path, c.mode)
		expectOwner(t, path, account, accountGroup)
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info
}
