//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	if info, err := os.Lstat(path); err != nil {
		t.Error(err)
	} else if info.Mode() != want {
		t.Errorf("%s has the mode %v, want %v", path, info.Mode(), want)
	}
}

// If others can write to a file that ssh includes, or ssh cannot read it, ssh stops for every host.
func TestModeOfNewFiles(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o277} {
		dir := t.TempDir()
		before := syscall.Umask(umask)
		path := filepath.Join(dir, "file")
		err := Write(path, nil)
		err2 := Update(filepath.Join(dir, "updated"), time.Minute, func([]byte) ([]byte, error) { return nil, nil })
		syscall.Umask(before)
		if err != nil || err2 != nil {
			t.Errorf("umask %o: %v, %v", umask, err, err2)
			continue
		}
		expectMode(t, path, 0o600)
		expectMode(t, filepath.Join(dir, "updated"), 0o600)
	}
}

func TestModeIsKept(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o640, 0o664, 0o700, 0o666} {
		before := syscall.Umask(0o077)
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, "old", mode)
		err := Write(path, []byte("new"))
		syscall.Umask(before)
		if err != nil {
			t.Error(err)
		}
		expectMode(t, path, mode)
		expectContent(t, path, "new")
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func expectLink(t *testing.T, path, want string) {
	t.Helper()
	if to, err := os.Readlink(path); err != nil || to != want {
		t.Errorf("%s leads to %q, error %v, want %q", path, to, err, want)
	}
}

// A link stays, and the file that it leads to is written, wherever the links lead.
func TestLinks(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		path    string
		target  string // relative to the test's folder
	}{
		{"relative", func(t *testing.T, dir string) { link(t, "real", dir+"/file") }, "file", "real"},
		{"absolute", func(t *testing.T, dir string) { link(t, dir+"/real", dir+"/file") }, "file", "real"},
		{"into another folder", func(t *testing.T, dir string) { link(t, "../there/real", dir+"/here/file") }, "here/file", "there/real"},
		{"a chain", func(t *testing.T, dir string) {
			link(t, "here/second", dir+"/file")
			link(t, "../there/third", dir+"/here/second")
			link(t, "real", dir+"/there/third")
		}, "file", "there/real"},
		{"in a folder that is a link", func(t *testing.T, dir string) {
			link(t, "there", dir+"/folder")
			link(t, "real", dir+"/there/file")
		}, "folder/file", "there/real"},
		// ~/.ssh is often itself a link: only the file system knows where ".." leads from there.
		{"out of a folder that is a link", func(t *testing.T, dir string) {
			link(t, "../there/deep", dir+"/here/folder")
			link(t, "../real", dir+"/there/deep/file")
		}, "here/folder/file", "there/real"},
		{"over a folder that is a link", func(t *testing.T, dir string) {
			link(t, "there/deep", dir+"/folder")
			link(t, "folder/../real", dir+"/file")
		}, "file", "there/real"},
	} {
		for _, dangling := range []bool{false, true} {
			name := test.name
			if dangling {
				name += ", dangling"
			}
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				if err := errors.Join(os.MkdirAll(dir+"/there/deep", 0o700), os.Mkdir(dir+"/here", 0o700)); err != nil {
					t.Fatal(err)
				}
				test.prepare(t, dir)
				path, target := filepath.Join(dir, test.path), filepath.Join(dir, test.target)
				if !dangling {
					write(t, target, "old", 0o640)
				}
				before := allFiles(t, dir)
				before[test.target] = true
				to, err := os.Readlink(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := Write(path, []byte("new")); err != nil {
					t.Fatal(err)
				}
				expectLink(t, path, to)
				expectContent(t, path, "new")
				expectContent(t, target, "new")
				if dangling {
					expectMode(t, target, 0o600)
				} else {
					expectMode(t, target, 0o640)
				}
				for name := range allFiles(t, dir) {
					if !before[name] {
						t.Errorf("%s is left behind", name)
					}
				}
			})
		}
	}
}

// allFiles returns the names of everything below a folder.
func allFiles(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		names[name] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestLinksThatLeadNowhere(t *testing.T) {
	dir := t.TempDir()
	link(t, "b", dir+"/a")
	link(t, "a", dir+"/b")
	link(t, "self", dir+"/self")
	link(t, "absent/file", dir+"/far")
	link(t, ".", dir+"/folder")
	before := files(t, dir)
	for _, name := range []string{"a", "self", "far", "folder"} {
		if err := Write(filepath.Join(dir, name), []byte("new")); err == nil {
			t.Errorf("%s: no error", name)
		}
		expectFiles(t, dir, before...)
	}
}

// Anything but a regular file is neither read, which could take forever, nor replaced.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err == nil {
		t.Error("a pipe was replaced")
	}
	expectFiles(t, dir, "fifo")
	link(t, os.DevNull, filepath.Join(dir, "null"))
	if err := Write(filepath.Join(dir, "null"), []byte("new")); err == nil {
		t.Error("the null device was replaced")
	}
	expectFiles(t, dir, "fifo", "null")
}

// After a failed check, everything is undone: a link that led nowhere leads nowhere again.
func TestReplaceUndoesThroughLinks(t *testing.T) {
	broken := errors.New("broken")
	for _, old := range [][]byte{nil, []byte("old")} {
		dir := t.TempDir()
		link(t, "real", dir+"/file")
		if old != nil {
			write(t, dir+"/real", "old", 0o640)
		}
		before := test.Tree(t, dir)
		if err := Replace([]Change{{dir + "/file", old, []byte("new")}}, func() error { return broken }); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		expectTree(t, dir, before)
	}
}

// A link is not ours. It stays when the file that it leads to is removed, and leads to one that is written later.
func TestReplaceRemovesThroughLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/there", 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, "second", dir+"/file")
	link(t, "there/real", dir+"/second")
	write(t, dir+"/there/real", "old", 0o640)
	write(t, dir+"/there/other", "other", 0o640)
	link(t, "absent/file", dir+"/far")
	want := test.Tree(t, dir)
	delete(want, "there/real")
	for _, old := range [][]byte{[]byte("old"), nil} { // the second time, it leads nowhere
		if err := Replace([]Change{{dir + "/file", old, nil}, {dir + "/far", nil, nil}}, nil); err != nil {
			t.Error(err)
		}
		expectTree(t, dir, want)
	}
	if err := Replace([]Change{{dir + "/file", nil, []byte("new")}}, nil); err != nil {
		t.Error(err)
	}
	expectContent(t, dir+"/there/real", "new")
	expectLink(t, dir+"/file", "second")
}

// Anything in a folder's place is left alone, and so are the links on the way.
func TestReplaceWithFoldersThatAreLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/there", 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, "there", dir+"/folder")
	link(t, "absent", dir+"/nowhere")
	before := test.Tree(t, dir)
	broken := errors.New("broken")
	if err := Replace([]Change{{dir + "/folder/x/new", nil, []byte("new")}}, func() error { expectContent(t, dir+"/there/x/new", "new"); return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	expectTree(t, dir, before)
	for _, path := range []string{"/nowhere/new", "/nowhere/x/new"} {
		if err := Replace([]Change{{dir + path, nil, []byte("new")}}, nil); err == nil {
			t.Errorf("%s was written", path)
		}
		expectTree(t, dir, before)
	}
}

func TestModeOfNewFolders(t *testing.T) {
	dir := t.TempDir()
	before := syscall.Umask(0)
	_, err := MakeFolder(dir + "/a/b")
	syscall.Umask(before)
	if err != nil {
		t.Fatal(err)
	}
	expectMode(t, dir+"/a", fs.ModeDir|0o700)
	expectMode(t, dir+"/a/b", fs.ModeDir|0o700)
}

// A link is not a leftover, and what it leads to is not ours.
func TestLeftoverThatIsALink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/precious", "precious", 0o600)
	link(t, "precious", dir+"/.clever-ssh-file-1234")
	link(t, "absent", dir+"/.clever-ssh-file-5678")
	if err := Write(dir+"/file", []byte("new")); err != nil {
		t.Error(err)
	}
	expectFiles(t, dir, ".clever-ssh-file-1234", ".clever-ssh-file-5678", "file", "precious")
	expectContent(t, dir+"/precious", "precious")
}

// A killed write leaves its file where the link leads. It is found through the link.
func TestLeftoversThroughLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/there", 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, "there/real", dir+"/file")
	write(t, dir+"/there/real", "old", 0o600)
	write(t, dir+"/there/.clever-ssh-real-1234", "half", 0o600)
	write(t, dir+"/.clever-ssh-real-1234", "of another", 0o600)
	if err := Write(dir+"/file", []byte("old")); err != nil {
		t.Error(err)
	}
	expectFiles(t, dir+"/there", "real")
	expectFiles(t, dir, ".clever-ssh-real-1234", "file", "there")
}

func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	link(t, "file", dir+"/link")
	if err := errors.Join(Private(dir+"/absent"), Private(dir+"/absent/file"), Private(dir+"/link")); err != nil {
		t.Error(err)
	}
	expectFiles(t, dir, "link")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o666, 0o400, 0} {
		for _, name := range []string{"/file", "/link"} {
			write(t, dir+"/file", "content", mode)
			if err := Private(dir + name); err != nil {
				t.Error(err)
			}
			expectMode(t, dir+"/file", 0o600)
			expectContent(t, dir+"/file", "content")
			expectLink(t, dir+"/link", "file")
		}
	}
}

func TestRemoveFoldersLeavesOtherThings(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/folder", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/file", "content", 0o600)
	link(t, "folder", dir+"/link")
	before := test.Tree(t, dir)
	RemoveFolders([]string{dir + "/file", dir + "/link", dir + "/absent"})
	expectTree(t, dir, before)
}

// Anything but a regular file could keep a reader waiting forever.
func TestPipesAreNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := Replace([]Change{{path, nil, []byte("new")}}, nil); err == nil {
			t.Error("replaced")
		}
		if err := Update(path, time.Minute, func([]byte) ([]byte, error) { t.Error("read"); return nil, nil }); err == nil {
			t.Error("updated")
		}
	}()
	test.Within(t, "an answer about a pipe", done)
}

// What was not written need not be undone.
func TestUnchangedFileThatIsEdited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "same", 0o600)
	broken := errors.New("broken")
	err := Replace([]Change{{path, []byte("same"), []byte("same")}}, func() error { write(t, path, "edited", 0o600); return broken })
	if err != broken {
		t.Errorf("error %v", err)
	}
	expectContent(t, path, "edited")
}

// If a file that is to be removed has changed, that is found before anything is written.
func TestChangedFileThatIsToLeave(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a", "old a", 0o600)
	write(t, dir+"/b", "edited", 0o600)
	before := test.Tree(t, dir)
	err := Replace([]Change{{dir + "/a", []byte("old a"), []byte("new a")}, {dir + "/b", []byte("old b"), nil}}, nil)
	expectChanged(t, err, dir+"/b")
	expectTree(t, dir, before)
}
