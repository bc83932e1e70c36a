//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
)

// The folder that the tests in this file change, and what Replace must make of it: a file through a link, a new one
// in missing folders, one that stays as it is, and one that is removed, also through a link.
var scenario = []struct {
	name, old, new string // "" if there is none
	mode           fs.FileMode
	link           string
}{
	{"ssh/config", "old config\n", "new config\n", 0o640, "../dotfiles/config"},
	{"state/clever/aliases", "", "new aliases\n", 0o600, ""},
	{"ssh/same", "the same\n", "the same\n", 0o604, ""},
	{"ssh/more", strings.Repeat("old", 5000), strings.Repeat("newer", 6000), 0o600, ""},
	{"ssh/gone", "old gone\n", "", 0o644, "../dotfiles/gone"},
}

// prepare lays out the scenario in a fresh folder.
func prepare(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/ssh", 0o700), os.Mkdir(dir+"/dotfiles", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, f := range scenario {
		path := filepath.Join(dir, f.name)
		if f.link != "" {
			link(t, f.link, path)
			path = filepath.Join(filepath.Dir(path), f.link)
		}
		if f.old != "" {
			write(t, path, f.old, f.mode)
		}
	}
	return dir
}

// scenarioChanges returns the changes that complete a scenario's folder, from whatever it holds now.
func scenarioChanges(dir string) (changes []Change, err error) {
	for _, f := range scenario {
		c := Change{Path: filepath.Join(dir, f.name)}
		if f.new != "" {
			c.New = []byte(f.new)
		}
		if c.Old, err = os.ReadFile(c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func changesOf(t *testing.T, dir string) []Change {
	t.Helper()
	changes, err := scenarioChanges(dir)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func expectTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, test.Tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// treeAfter returns what a Replace of the scenario leaves if nothing stops it.
func treeAfter(t *testing.T) map[string]string {
	t.Helper()
	dir := prepare(t)
	if err := Replace(changesOf(t, dir), nil); err != nil {
		t.Fatal(err)
	}
	after := test.Tree(t, dir)
	for _, f := range scenario {
		if f.new != "" {
			expectContent(t, filepath.Join(dir, f.name), f.new)
		}
		if f.link != "" {
			expectLink(t, filepath.Join(dir, f.name), f.link)
		}
	}
	expectMode(t, dir+"/dotfiles/config", 0o640)
	expectMode(t, dir+"/state/clever", fs.ModeDir|0o700)
	expectFiles(t, dir+"/dotfiles", "config")
	return after
}

// expectOldOrNew fails unless each file of the scenario is as it was or as it should be, with its mode and its link.
func expectOldOrNew(t *testing.T, dir string, before, after map[string]string) {
	t.Helper()
	for name, is := range test.Tree(t, dir) {
		if strings.HasPrefix(filepath.Base(name), ".clever-ssh-") {
			continue
		}
		if is != before[name] && is != after[name] {
			t.Errorf("%s is neither as before nor as after: %.60s", name, is)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s is lost: %v", name, err)
		}
	}
}

func expectNoLeftovers(t *testing.T, dir string) {
	t.Helper()
	for name := range test.Tree(t, dir) {
		if strings.HasPrefix(filepath.Base(name), ".clever-ssh-") {
			t.Errorf("%s is left behind", name)
		}
	}
}

// failNth makes the nth call that changes the file system fail. It returns the name of the call that did.
func failNth(t *testing.T, n int) (fired *string) {
	t.Helper()
	fired = new(string)
	setFault(t, func(call, path string) error {
		if n--; n == 0 {
			*fired = call
			return syscall.ENOSPC
		}
		return nil
	})
	return fired
}

// leastCalls is fewer than a Replace of the scenario makes: a test that saw fewer saw nothing.
const leastCalls = 12

// Whichever call fails, nothing has changed; after the check, only removals are left.
func TestFaults(t *testing.T) {
	after := treeAfter(t)
	for n, running := 1, true; running; n++ {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			dir := prepare(t)
			before, changes := test.Tree(t, dir), changesOf(t, dir)
			fired := failNth(t, n)
			checked := false
			err := Replace(changes, func() error { checked = true; return nil })
			if *fired == "" {
				running = false
				if err != nil || n <= leastCalls {
					t.Errorf("%d calls, error %v", n-1, err)
				}
				expectTree(t, dir, after)
				return
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("error %v", err)
			}
			if checked && *fired != "remove" {
				t.Errorf("%s after the check", *fired)
			}
			expectTree(t, dir, before)
		})
	}
}

// If something cannot be undone, the error says so, nothing is half-written, and the rest is undone.
func TestFaultsWhileUndoing(t *testing.T) {
	after := treeAfter(t)
	broken := errors.New("broken")
	undone := 0
	for n, running := 1, true; running; n++ {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			dir := prepare(t)
			before, changes := test.Tree(t, dir), changesOf(t, dir)
			fired := new(string)
			err := Replace(changes, func() error { fired = failNth(t, n); return broken })
			if !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
			if *fired == "" {
				running = false
				expectTree(t, dir, before)
				return
			}
			undone++
			if *fired != "rmdir" && !errors.Is(err, syscall.ENOSPC) { // an extra empty folder does no harm
				t.Errorf("%s failed, error %v", *fired, err)
			}
			expectOldOrNew(t, dir, before, after)
			expectNoLeftovers(t, dir)
			remain := 0
			for name, is := range test.Tree(t, dir) {
				if is != before[name] && !strings.HasPrefix(is, "d") {
					remain++
				}
			}
			if remain > 1 {
				t.Errorf("%d files are not as before", remain)
			}
		})
	}
	if undone < leastCalls-3 {
		t.Errorf("%d calls", undone)
	}
}

// killVariable makes the test binary replace the files of a folder, and kill itself at the call of that number. With
// a minus sign the check fails, so that it is also killed while undoing.
const killVariable = "ATOMICFILE_TEST_KILL"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(killVariable)); err == nil {
		os.Exit(replaceAndDie(os.Args[1], n))
	}
	os.Exit(m.Run())
}

func replaceAndDie(dir string, n int) (status int) {
	changes, err := scenarioChanges(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var check error
	if n < 0 {
		n, check = -n, errors.New("broken")
	}
	Fault = func(string, string) error {
		if n--; n == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	if err := Replace(changes, func() error { return check }); !errors.Is(err, check) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Whenever a process is killed, each file is the old one or the new one, and the next process finishes the work.
func TestKilled(t *testing.T) {
	test.Slow(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	after := treeAfter(t)
	for _, sign := range []int{1, -1} {
		leftovers := 0
		for n, running := 1, true; running; n++ {
			t.Run(strconv.Itoa(sign*n), func(t *testing.T) {
				dir := prepare(t)
				before := test.Tree(t, dir)
				child := exec.Command(program, dir)
				child.Env = append(os.Environ(), killVariable+"="+strconv.Itoa(sign*n))
				out, err := child.CombinedOutput()
				status := child.ProcessState.Sys().(syscall.WaitStatus)
				if !status.Signaled() {
					running = false
					if err != nil || n <= leastCalls || leftovers == 0 {
						t.Errorf("%d calls, %d left something behind: %v %s", n-1, leftovers, err, out)
					}
					if sign < 0 {
						expectTree(t, dir, before)
					} else {
						expectTree(t, dir, after)
					}
					return
				}
				if status.Signal() != syscall.SIGKILL {
					running = false
					t.Fatalf("%v %s", err, out)
				}
				expectOldOrNew(t, dir, before, after)
				for name := range test.Tree(t, dir) {
					if strings.HasPrefix(filepath.Base(name), ".clever-ssh-") {
						leftovers++
					}
				}
				if err := Replace(changesOf(t, dir), nil); err != nil {
					t.Error(err)
				}
				expectTree(t, dir, after)
			})
		}
	}
}
