//go:build linux

package sftp

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/sys/unix"
)

// renames are the ways in which a file is renamed, depending on its file system.
var renames = map[string]func(from, to string) error{"rename": rename, "renameByLink": renameByLink}

func TestRenameReplacesNothing(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) { replacesNothing(t, t.TempDir(), rename) })
	}
}

func replacesNothing(t *testing.T, folder string, rename func(from, to string) error) {
	write(t, folder+"/file", "file")
	write(t, folder+"/other", "other")
	for _, err := range []error{
		os.Symlink("nowhere", folder+"/link"), os.Mkdir(folder+"/folder", 0o700), os.Mkdir(folder+"/empty", 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		from, to string
		want     error
	}{
		{"file", "other", unix.EEXIST},
		{"file", "file", unix.EEXIST},
		{"file", "link", unix.EEXIST},
		{"file", "empty", unix.EEXIST},
		{"folder", "empty", unix.EEXIST},
		{"folder", "file", unix.EEXIST},
		{"link", "file", unix.EEXIST},
		{"missing", "new", unix.ENOENT},
		{"file", "missing/new", unix.ENOENT},
		{"file", "other/new", unix.ENOTDIR},
		{"file", "folder/moved", nil},
		{"link", "moved", nil},
		{"folder", "new", nil},
	} {
		if err := rename(folder+"/"+step.from, folder+"/"+step.to); err != step.want {
			t.Errorf("%s to %s: %v, not %v", step.from, step.to, err, step.want)
		}
	}
	read(t, folder+"/other", "other")
	read(t, folder+"/new/moved", "file")
	if target, err := os.Readlink(folder + "/moved"); err != nil || target != "nowhere" {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 4 {
		t.Errorf("left: %v (%v)", left, err)
	}
}

// Of many clients that rename their files to one name, one succeeds, and no file is lost.
func TestRenameToOneName(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) { toOneName(t, t.TempDir(), 100, rename) })
	}
}

func toOneName(t *testing.T, folder string, rounds int, rename func(from, to string) error) {
	const clients = 8
	for range rounds {
		for n := range clients {
			write(t, fmt.Sprint(folder, "/", n), fmt.Sprint(n))
		}
		succeeded := atOnce(clients, func(n int) error { return rename(fmt.Sprint(folder, "/", n), folder+"/one") })
		if len(succeeded) != 1 {
			t.Fatalf("%d clients have renamed their file to one name", len(succeeded))
		}
		read(t, folder+"/one", fmt.Sprint(succeeded[0]))
		if left, err := os.ReadDir(folder); err != nil || len(left) != clients {
			t.Fatalf("%d files are left of %d (%v)", len(left), clients, err)
		}
		os.Remove(folder + "/one")
	}
}

// Of many clients that rename one file, one gets it.
func TestRenameOneFile(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for range 100 {
				write(t, folder+"/one", "one")
				succeeded := atOnce(8, func(n int) error { return rename(folder+"/one", fmt.Sprint(folder, "/", n)) })
				left, err := os.ReadDir(folder)
				if len(succeeded) != 1 || len(left) != 1 {
					t.Fatalf("%d clients have the file, and there are %v (%v)", len(succeeded), left, err)
				}
				os.Remove(filepath.Join(folder, left[0].Name()))
			}
		})
	}
}

// FUSE passes RENAME_NOREPLACE on to sshfs, which refuses it, as of version 3.7.
func TestRenameOnFUSE(t *testing.T) {
	test.Slow(t)
	test.NeedSSHFS(t)
	p := newPlace(t, "sshfs")
	there := p.mount()
	withoutLinks := p.mount("-o", "disable_hardlink")
	for _, name := range []string{"one", "two", "three"} {
		if err := os.Mkdir(p.home+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	toOneName(t, there+"/one", 20, rename)
	replacesNothing(t, there+"/two", rename)
	replacesNothing(t, withoutLinks+"/three", rename)
}

// atOnce calls f for 0 to n-1 at the same time, and returns those for which it succeeded.
func atOnce(n int, f func(int) error) (succeeded []int) {
	var (
		mu    sync.Mutex
		ready sync.WaitGroup
		done  sync.WaitGroup
	)
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			if f(i) == nil {
				mu.Lock()
				defer mu.Unlock()
				succeeded = append(succeeded, i)
			}
		})
	}
	done.Wait()
	return succeeded
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path, text string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("%s holds %.60q (%v), not %.60q", path, got, err, text)
	}
}
