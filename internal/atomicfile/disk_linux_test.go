package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// smallDisk mounts a file system of 16 pages.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("mode=0755,size=%d", 16*os.Getpagesize()))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		test.Missing(t, "the right to mount a file system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	old, changed := bytes.Repeat([]byte("o"), os.Getpagesize()), bytes.Repeat([]byte("n"), 2*os.Getpagesize())
	file, other, fresh := filepath.Join(dir, "file"), filepath.Join(dir, "other"), filepath.Join(dir, "a", "b", "new")
	write(t, file, string(old), 0o640)
	write(t, other, string(old), 0o600)
	operations := []struct {
		name string
		do   func() error
	}{
		{"Write", func() error { return Write(file, changed) }},
		{"Write of a new file", func() error { return Write(filepath.Join(dir, "new"), changed) }},
		{"Update", func() error {
			return Update(file, time.Minute, func([]byte) ([]byte, error) { return changed, nil })
		}},
		{"Replace", func() error {
			// With a page to spare, the first change succeeds and must be undone.
			return Replace([]Change{{other, old, bytes.ToUpper(old)}, {fresh, nil, changed}}, nil)
		}},
	}
	unlock, err := Lock(file, time.Minute) // a lock file stays, so it is there from the start
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	for _, spare := range []int{0, 1} {
		test.FillDisk(t, filepath.Join(dir, "fill"), spare)
		before := test.Tree(t, dir)
		for _, o := range operations {
			written := false
			setFault(t, func(call, path string) error {
				written = written || call == "rename" && path == other
				return nil
			})
			if err := o.do(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s, %d pages to spare: error %v", o.name, spare, err)
			}
			expectTree(t, dir, before)
			if want := o.name == "Replace" && spare == 1; written != want {
				t.Errorf("%s, %d pages to spare: %s was written: %v", o.name, spare, other, written)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "fill")); err != nil {
		t.Fatal(err)
	}
	for _, o := range operations {
		if err := o.do(); err != nil {
			t.Errorf("%s with space: %v", o.name, err)
		}
	}
	expectContent(t, file, string(changed))
	expectContent(t, filepath.Join(dir, "new"), string(changed))
	expectContent(t, other, string(bytes.ToUpper(old)))
	expectContent(t, fresh, string(changed))
	expectMode(t, file, 0o640)
	expectFiles(t, dir, "a", "file", "file.lock", "new", "other")
	expectFiles(t, filepath.Dir(fresh), "new")
}
