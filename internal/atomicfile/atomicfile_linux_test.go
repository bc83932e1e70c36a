package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// unprivileged runs f with the rights of an ordinary user, to whom the files of a test belong.
func unprivileged(t *testing.T, f func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		f(dir)
		return
	}
	const user = 1234
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	for above := filepath.Dir(dir); above != filepath.Dir(os.TempDir()) && above != "/"; above = filepath.Dir(above) {
		if info, err := os.Stat(above); err == nil && info.Mode()&0o011 == 0 {
			os.Chmod(above, info.Mode()|0o011)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		// The two belong to the thread alone, and take its rights over files (capabilities(7)).
		if err := syscall.Setfsgid(user); err != nil {
			t.Error(err)
			return
		}
		if err := syscall.Setfsuid(user); err != nil {
			t.Error(err)
			return
		}
		f(dir)
	}()
	<-done
}

func TestFolderThatIsNotWritable(t *testing.T) {
	unprivileged(t, func(dir string) {
		write(t, dir+"/file", "old", 0o600)
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Error(err)
			return
		}
		defer os.Chmod(dir, 0o700)
		for _, name := range []string{"file", "new"} {
			if err := Write(filepath.Join(dir, name), []byte("new")); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: error %v", name, err)
			}
			if err := Update(filepath.Join(dir, name), time.Minute, func([]byte) ([]byte, error) { return []byte("new"), nil }); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		expectContent(t, dir+"/file", "old")
		expectFiles(t, dir, "file")
	})
}

// Renaming over a file asks for no right to it: who made it read-only meant that.
func TestFileThatIsNotWritable(t *testing.T) {
	unprivileged(t, func(dir string) {
		write(t, dir+"/file", "old", 0o400)
		if err := Write(dir+"/file", []byte("new")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v", err)
		}
		expectContent(t, dir+"/file", "old")
		expectFiles(t, dir, "file")
		if err := Write(dir+"/file", []byte("old")); err != nil {
			t.Errorf("with nothing to change: %v", err)
		}
	})
}

// A file of somebody else's, though it may be written, cannot be replaced by one that is theirs.
func TestFileOfAnotherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file of another owner")
	}
	unprivileged(t, func(dir string) {
		made := make(chan error)
		go func() { // with the rights of root
			err := os.WriteFile(dir+"/file", []byte("old"), 0o600)
			if err == nil {
				err = os.Chmod(dir+"/file", 0o666)
			}
			made <- err
		}()
		if err := <-made; err != nil {
			t.Error(err)
			return
		}
		if err := Write(dir+"/file", []byte("new")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v", err)
		}
		expectContent(t, dir+"/file", "old")
		info, err := os.Stat(dir + "/file")
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%+v, error %v", info, err)
		}
		expectFiles(t, dir, "file")
	})
}
