package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// files returns the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func expectFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func expectContent(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, error %v, want %q", path, got, err, want)
	}
}

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"one\n", "", "another\x00\r\n", strings.Repeat("x", 1<<20), "one\n"} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		expectContent(t, path, content)
		expectFiles(t, dir, "file")
	}
}

// The name of a temporary file helps nobody.
func TestWriteErrorNamesTheFile(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "/home/me/.temporary", Err: syscall.EROFS}, "writing /home/me/config: " + syscall.EROFS.Error()},
		{&os.LinkError{Op: "rename", Old: "/home/me/.temporary", New: "/home/me/config", Err: syscall.EBUSY}, "writing /home/me/config: " + syscall.EBUSY.Error()},
		{&fs.PathError{Op: "open", Path: "/dotfiles/config", Err: syscall.EROFS}, "writing /home/me/config: open /dotfiles/config: " + syscall.EROFS.Error()},
	} {
		if got := (&WriteError{"/home/me/config", c.err}).Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestWriteOfTheSameContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "content", 0o600)
	long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{
		func() error { return Write(path, []byte("content")) },
		func() error {
			return Update(path, time.Minute, func(old []byte) ([]byte, error) { return bytes.Clone(old), nil })
		},
		func() error { return Replace([]Change{{path, []byte("content"), []byte("content")}}, nil) },
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(path)
		if err != nil || !after.ModTime().Equal(long) || !os.SameFile(before, after) {
			t.Errorf("the file was written again at %v, error %v", after.ModTime(), err)
		}
	}
	expectContent(t, path, "content")
}

// Whatever the reason, a refused write changes nothing and leaves nothing behind.
func TestWriteRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "content", 0o600)
	if err := os.MkdirAll(filepath.Join(dir, "folder", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	for _, path := range []string{"folder", "file/below", "absent/file", filepath.Join("file", "..", "absent", "x"), "", "x\x00y"} {
		if err := Write(filepath.Join(dir, path), []byte("new")); err == nil {
			t.Errorf("%q: no error", path)
		}
		expectFiles(t, dir, before...)
		expectFiles(t, filepath.Join(dir, "folder"), "inside")
		expectContent(t, filepath.Join(dir, "file"), "content")
	}
}

// However large a file is, no more of it is read than the caller wants.
func TestReadAtMost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	reads := map[string]func(string, int64) ([]byte, error){
		"ReadAtMost": ReadAtMost,
		"ReadOwn":    ReadOwn,
		"ReadShared": func(path string, most int64) ([]byte, error) { return ReadShared(path, most, os.Geteuid()) },
	}
	for size, fits := range map[int64]bool{0: true, 9: true, 10: true, 11: false, 1 << 40: false} {
		write(t, path, "0123456789", 0o600)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		for name, read := range reads {
			content, err := read(path, 10)
			if want := "0123456789"[:min(size, 10)]; string(content) != want || (err == nil) != fits {
				t.Errorf("%s of %d bytes: %q, %v, want %q", name, size, content, err, want)
			}
			if at := new(fs.PathError); err != nil && (!errors.Is(err, ErrTooLarge) || !errors.As(err, &at) || at.Path != path) {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
		}
	}
}

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		old  []byte
		new  string
		err  error
	}{
		{"no file", nil, "one", nil},
		{"a file", []byte("one"), "two", nil},
		{"an error", []byte("two"), "three", broken},
		{"to nothing", []byte("two"), "", nil},
		{"an empty file is a file", []byte{}, "four", nil},
	} {
		err := Update(path, time.Minute, func(old []byte) ([]byte, error) {
			if !bytes.Equal(old, test.old) || (old == nil) != (test.old == nil) {
				t.Errorf("%s: the old content is %q, want %q", test.name, old, test.old)
			}
			return []byte(test.new), test.err
		})
		if err != test.err {
			t.Errorf("%s: error %v, want %v", test.name, err, test.err)
		}
		if test.err == nil {
			expectContent(t, path, test.new)
		} else {
			expectContent(t, path, string(test.old))
		}
		expectFiles(t, dir, "file", "file.lock")
	}
	if err := Update(dir, time.Minute, func([]byte) ([]byte, error) { t.Error("called"); return nil, nil }); err == nil {
		t.Error("a folder was updated")
	}
	os.Remove(dir + ".lock")
}

func TestUpdatesOfManyAtOnce(t *testing.T) {
	test.Slow(t)
	const goroutines, times = 50, 4
	dir := t.TempDir()
	path := filepath.Join(dir, "counter")
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range times {
				err := Update(path, time.Minute, func(old []byte) ([]byte, error) {
					n, _ := strconv.Atoi(string(old))
					return []byte(strconv.Itoa(n + 1)), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	expectContent(t, path, strconv.Itoa(goroutines*times))
	expectFiles(t, dir, "counter", "counter.lock")
}

// A reader that takes no lock sees the old bytes or the new ones, never a mixture, and never none.
func TestReadersSeeWholeFiles(t *testing.T) {
	test.Slow(t)
	path := filepath.Join(t.TempDir(), "file")
	content := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n%26)}, 1000+n) }
	if err := Write(path, content(0)); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := os.ReadFile(path)
				if n := len(got) - 1000; err != nil || n < 0 || !bytes.Equal(got, content(n)) {
					t.Errorf("%d bytes, error %v", len(got), err)
				}
			}
		})
	}
	for n := range 50 {
		if err := Write(path, content(n)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}

// A caller that waits while others have their turn, one after another, has patience with each: many setups at once
// all get the lock.
func TestLockWhileOthersTakeTurns(t *testing.T) {
	test.Slow(t)
	const patience = 2 * time.Second
	path := filepath.Join(t.TempDir(), "file")
	unlock, err := Lock(path, patience)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		release, err := Lock(path, patience)
		if err == nil {
			release()
		}
		got <- err
	}()
	// One holds it for all of them, longer than anybody's patience: to those who wait that looks the same.
	for turn := range 8 {
		time.Sleep(patience / 4)
		write(t, path, strings.Repeat("x", turn), 0o600)
	}
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	unlock, err := Lock(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(path, 20*time.Millisecond)
	if want := fmt.Sprintf("locking %s: another process has held it for 20ms", path); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	err = Update(path, 20*time.Millisecond, func([]byte) ([]byte, error) { t.Error("called without the lock"); return nil, nil })
	if err == nil {
		t.Error("updated without the lock")
	}
	// A waiting caller gets it as soon as it is free.
	got := make(chan error, 1)
	go func() {
		again, err := Lock(path, time.Minute)
		if err == nil {
			again()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if unlock, err = Lock(filepath.Join(filepath.Dir(path), "absent", "file"), time.Minute); err == nil {
		unlock()
		t.Error("locked a file in a folder that is not there")
	}
}

// A guard's file goes with it. In the meantime nobody else gets in, although others also take and remove it.
func TestGuard(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	release, err := Guard(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "file.lock")
	if _, err := Guard(path, 20*time.Millisecond); err == nil {
		t.Error("guarded twice")
	}
	if _, err := Lock(path, 20*time.Millisecond); err == nil {
		t.Error("locked what is guarded")
	}
	release()
	expectFiles(t, dir)
	if release, err := Guard(filepath.Join(dir, "absent", "file"), time.Minute); err == nil {
		release()
		t.Error("guarded a file in a folder that is not there")
	}

	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				release, err := Guard(path, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				runtime.Gosched()
				inside.Add(-1)
				release()
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d were inside at once", most.Load())
	}
	expectFiles(t, dir)
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "content", 0o600)
	write(t, filepath.Join(dir, ".clever-ssh-file-1234"), "half", 0o600)
	write(t, filepath.Join(dir, "other"), "other", 0o600)
	for range 2 { // the second time, it is gone already
		if err := Remove(path); err != nil {
			t.Error(err)
		}
		expectFiles(t, dir, "other")
	}
	if err := Remove(filepath.Join(dir, "absent", "file")); err != nil {
		t.Error(err)
	}
}
