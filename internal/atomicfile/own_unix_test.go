//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
)

// Nobody else may be able to change a file that decides whom to trust: neither the file nor the folders that it is
// in.
func TestReadOwn(t *testing.T) {
	for _, c := range []struct {
		title   string
		prepare func(t *testing.T, dir string) // prepares a folder with a file in a folder below
		refused string                         // what is refused, empty if nothing
	}{
		{"private", func(*testing.T, string) {}, ""},
		{"public", func(t *testing.T, dir string) { chmod(t, dir+"/folder/file", 0o644); chmod(t, dir+"/folder", 0o755) }, ""},
		{"the group can write to the file", func(t *testing.T, dir string) { chmod(t, dir+"/folder/file", 0o660) }, "folder/file"},
		{"everybody can write to the file", func(t *testing.T, dir string) { chmod(t, dir+"/folder/file", 0o602) }, "folder/file"},
		{"the group can write to the folder", func(t *testing.T, dir string) { chmod(t, dir+"/folder", 0o775) }, "folder"},
		{"a folder as /tmp is", func(t *testing.T, dir string) { chmod(t, dir+"/folder", fs.ModeSticky|0o777) }, "folder"},
		{"a folder above is open", func(t *testing.T, dir string) { chmod(t, dir, 0o775) }, ""},
		{"a file behind a link", func(t *testing.T, dir string) {
			elsewhere(t, dir, 0o755, 0o644)
			must(t, os.Remove(dir+"/folder/file"), os.Symlink("../elsewhere/file", dir+"/folder/file"))
		}, ""},
		{"a file behind a link that others can write to", func(t *testing.T, dir string) {
			elsewhere(t, dir, 0o755, 0o664)
			must(t, os.Remove(dir+"/folder/file"), os.Symlink("../elsewhere/file", dir+"/folder/file"))
		}, "folder/file"},
		{"a file behind a link, in a folder that others can write to", func(t *testing.T, dir string) {
			elsewhere(t, dir, 0o775, 0o644)
			must(t, os.Remove(dir+"/folder/file"), os.Symlink("../elsewhere/file", dir+"/folder/file"))
		}, "elsewhere"},
		{"a folder behind a link", func(t *testing.T, dir string) {
			elsewhere(t, dir, 0o755, 0o644)
			must(t, os.RemoveAll(dir+"/folder"), os.Symlink("elsewhere", dir+"/folder"))
		}, ""},
		{"a folder behind a link that others can write to", func(t *testing.T, dir string) {
			elsewhere(t, dir, 0o775, 0o644)
			must(t, os.RemoveAll(dir+"/folder"), os.Symlink("elsewhere", dir+"/folder"))
		}, "folder"},
		{"no file in a folder that others can write to", func(t *testing.T, dir string) {
			must(t, os.Remove(dir+"/folder/file"))
			chmod(t, dir+"/folder", 0o777)
		}, "folder"},
	} {
		dir := ordinaryFolder(t)
		must(t, os.Mkdir(dir+"/folder", 0o700))
		write(t, dir+"/folder/file", "text", 0o600)
		c.prepare(t, dir)
		for name := range allFiles(t, dir) {
			give(t, filepath.Join(dir, name))
		}
		content, err := ReadOwn(dir+"/folder/file", 1<<20)
		var access *AccessError
		switch {
		case c.refused == "" && (err != nil || string(content) != "text"):
			t.Errorf("%s: %q, error %v", c.title, content, err)
		case c.refused != "" && (content != nil || !errors.As(err, &access) || access.Path != filepath.Join(dir, c.refused) || access.Foreign()):
			t.Errorf("%s: %q, error %v, want one about %s", c.title, content, err, c.refused)
		}
	}
	dir := ordinaryFolder(t)
	if content, err := ReadOwn(dir+"/absent", 1<<20); content != nil || err != nil {
		t.Errorf("no file: %q, error %v", content, err)
	}
	if content, err := ReadOwn(dir+"/absent/below/file", 1<<20); content != nil || err != nil {
		t.Errorf("no folder: %q, error %v", content, err)
	}
}

// What an administrator sets up is as good as the account's own. Anybody else's is not, whatever its mode.
func TestReadOwnOfOtherAccounts(t *testing.T) {
	needRoot(t)
	const third = account + 1
	for _, c := range []struct {
		title        string
		file, folder int
		refused      string
	}{
		{"all the account's", account, account, ""},
		{"a file of root's", 0, account, ""},
		{"all of root's", 0, 0, ""},
		{"a file of a third account", third, account, "folder/file"},
		{"a folder of a third account", account, third, "folder"},
		{"a file in root's folder", account, 0, ""},
	} {
		dir := ordinaryFolder(t)
		must(t, os.Mkdir(dir+"/folder", 0o755))
		write(t, dir+"/folder/file", "text", 0o644)
		must(t, os.Chown(dir+"/folder/file", c.file, -1))
		must(t, os.Chown(dir+"/folder", c.folder, -1))
		var content []byte
		err := asOwner(dir+"/x", func() (err error) { content, err = readOwn(dir+"/folder/file", 1<<20, account, notOthers); return err }) // as the account itself would
		var access *AccessError
		switch {
		case c.refused == "" && (err != nil || string(content) != "text"):
			t.Errorf("%s: %q, error %v", c.title, content, err)
		case c.refused != "" && (content != nil || !errors.As(err, &access) || access.Path != filepath.Join(dir, c.refused) || !access.Foreign() || access.Account != account):
			t.Errorf("%s: %q, error %v, want one about %s", c.title, content, err, c.refused)
		}
	}
	// For itself, root trusts nobody else.
	dir := openFolder(t)
	write(t, dir+"/file", "text", 0o644)
	give(t, dir+"/file")
	if content, err := ReadOwn(dir+"/file", 1<<20); content != nil || err == nil {
		t.Errorf("a file of an account's in root's folder: %q, error %v", content, err)
	}
}

// A pipe that takes a file's place between two looks does not hang anybody, either.
func TestPipeInPlaceOfAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/text", "text", 0o600)
	must(t, syscall.Mkfifo(dir+"/pipe", 0o600))
	stop, done := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-done }()
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, name := range []string{"text", "pipe"} {
				os.Link(dir+"/"+name, dir+"/new")
				os.Rename(dir+"/new", dir+"/file")
				os.Remove(dir + "/new") // a rename leaves two names of one file alone
			}
		}
	}()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for range 3000 {
			for _, do := range []func(string, int64) ([]byte, error){ReadAtMost, ReadOwn} {
				if content, err := do(dir+"/file", 1<<20); err == nil && content != nil && string(content) != "text" {
					t.Errorf("read %q", content)
				}
			}
		}
	}()
	test.Within(t, "the end of all reading", finished)
}

// elsewhere makes another folder with another file.
func elsewhere(t *testing.T, dir string, folder, file fs.FileMode) {
	t.Helper()
	must(t, os.Mkdir(dir+"/elsewhere", 0o700))
	write(t, dir+"/elsewhere/file", "text", file)
	chmod(t, dir+"/elsewhere", folder)
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	must(t, os.Chmod(path, mode))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
