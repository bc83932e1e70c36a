//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// The tests' account other than root; no machine has it in its account database.
const account, accountGroup = 51234, 55678

// give makes files and folders an ordinary user's: the process's user or, if that is root, another account.
func give(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for _, path := range paths {
		if err := os.Lchown(path, account, accountGroup); err != nil {
			t.Fatal(err)
		}
	}
}

// ordinaryFolder returns a fresh folder of an ordinary user.
func ordinaryFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = openFolder(t)
	give(t, dir)
	return dir
}

// openFolder returns a fresh folder that every account can reach.
func openFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o711)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// needRoot skips a test that only root can run. During the test, root has groups of its own.
func needRoot(t *testing.T) {
	t.Helper()
	test.NeedRoot(t)
	before, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups(rootGroups); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { expectRoot(t); syscall.Setgroups(before) })
}

var rootGroups = []int{0, 51111, 52222}

func expectRoot(t *testing.T) {
	t.Helper()
	groups, err := syscall.Getgroups()
	slices.Sort(groups)
	if os.Geteuid() != 0 || os.Getegid() != 0 || err != nil || !slices.Equal(groups, rootGroups) {
		t.Errorf("the process is %d:%d with the groups %d, error %v", os.Geteuid(), os.Getegid(), groups, err)
	}
}

func expectOwner(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != uid || s.Gid != gid {
		t.Errorf("%s belongs to %d:%d, want %d:%d", path, s.Uid, s.Gid, uid, gid)
	}
}

func TestFolderThatIsNotWritable(t *testing.T) {
	dir := ordinaryFolder(t)
	write(t, dir+"/file", "old", 0o600)
	give(t, dir+"/file")
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	before := test.Tree(t, dir)
	for _, name := range []string{"file", "new"} {
		path := filepath.Join(dir, name)
		if err := Write(path, []byte("new")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := Update(path, time.Minute, func([]byte) ([]byte, error) { return []byte("new"), nil }); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if made, err := MakeFolder(dir + "/folder/below"); !errors.Is(err, fs.ErrPermission) || len(made) != 0 {
		t.Errorf("made %q, error %v", made, err)
	}
	if err := Replace([]Change{{dir + "/file", []byte("old"), nil}}, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
	expectTree(t, dir, before)
}

// In a folder that may be searched and written but not read, nothing of ours can be found. That stops nobody.
func TestFolderThatIsNotReadable(t *testing.T) {
	dir := ordinaryFolder(t)
	write(t, dir+"/file", "old", 0o600)
	give(t, dir+"/file")
	if err := os.Chmod(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	err := Write(dir+"/file", []byte("new"))
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Error(err)
	}
	expectContent(t, dir+"/file", "new")
	expectFiles(t, dir, "file")
}

// Renaming over a file needs no right to it, but whoever made it read-only meant it.
func TestFileThatIsNotWritable(t *testing.T) {
	dir := ordinaryFolder(t)
	write(t, dir+"/file", "old", 0o400)
	give(t, dir+"/file")
	before := test.Tree(t, dir)
	if err := Write(dir+"/file", []byte("new")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
	if err := Write(dir+"/file", []byte("old")); err != nil {
		t.Errorf("with nothing to change: %v", err)
	}
	expectTree(t, dir, before)
}

// Somebody else's file, even if it is writable, cannot be replaced by one that is also theirs.
func TestFileOfAnotherOwner(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	write(t, dir+"/file", "old", 0o666)
	before := test.Tree(t, dir)
	if err := Write(dir+"/file", []byte("new")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
	expectTree(t, dir, before)
}

// In its own folder, root keeps a file's owner, whoever that is.
func TestOwnerIsKept(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "old", 0o640)
	give(t, path)
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	expectOwner(t, path, account, accountGroup)
	expectMode(t, path, 0o640)
	expectContent(t, path, "new")
}

func TestAsOwner(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		for _, path := range []string{dir + "/file", dir + "/absent/below/file"} {
			called := 0
			err := asOwner(path, func() error {
				called++
				groups, err := syscall.Getgroups()
				if os.Geteuid() != account || os.Getegid() != accountGroup || err != nil || !slices.Equal(groups, []int{accountGroup}) {
					t.Errorf("acts as %d:%d with the groups %d, error %v", os.Geteuid(), os.Getegid(), groups, err)
				}
				return want
			})
			if !errors.Is(err, want) || called != 1 {
				t.Errorf("called %d times, error %v", called, err)
			}
			expectRoot(t)
		}
	}
	func() {
		defer func() { recover() }()
		asOwner(dir+"/file", func() error { panic("broken") })
	}()
	expectRoot(t)
	// In root's own folder, nothing changes.
	err := asOwner(t.TempDir()+"/file", func() error { expectRoot(t); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

// What root makes in somebody's folder belongs to them; otherwise they could not read or change it.
func TestNewFilesAreTheFolderOwners(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	if err := Write(dir+"/written", []byte("new")); err != nil {
		t.Error(err)
	}
	expectRoot(t)
	if err := Update(dir+"/updated", time.Minute, func([]byte) ([]byte, error) { expectRoot(t); return []byte("new"), nil }); err != nil {
		t.Error(err)
	}
	expectRoot(t)
	if made, err := MakeFolder(dir + "/made/below"); err != nil || len(made) != 2 {
		t.Errorf("made %q, error %v", made, err)
	}
	expectRoot(t)
	release, err := Guard(dir+"/guarded", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	expectRoot(t)
	expectOwner(t, dir+"/guarded.lock", account, accountGroup)
	release()
	expectRoot(t)
	link(t, "real", dir+"/link")
	give(t, dir+"/link")
	changes := []Change{{dir + "/a/b/replaced", nil, []byte("new")}, {dir + "/link", nil, []byte("new")}, {dir + "/written", []byte("new"), nil}}
	if err := Replace(changes, func() error { expectRoot(t); return nil }); err != nil {
		t.Error(err)
	}
	expectRoot(t)
	for name := range allFiles(t, dir) {
		expectOwner(t, filepath.Join(dir, name), account, accountGroup)
	}
	expectMode(t, dir+"/a/b/replaced", 0o600)
	expectMode(t, dir+"/updated.lock", 0o600)
	expectMode(t, dir+"/made/below", fs.ModeDir|0o700)
	expectFiles(t, dir, "a", "link", "made", "real", "updated", "updated.lock")

	// What is undone goes as it came.
	before := test.Tree(t, dir)
	broken := errors.New("broken")
	changes = []Change{{dir + "/c/d/new", nil, []byte("new")}, {dir + "/updated", []byte("new"), []byte("newer")}}
	if err := Replace(changes, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	expectRoot(t)
	expectTree(t, dir, before)
}

func TestExistingFilesOfTheFolderOwner(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o664} {
		path := filepath.Join(dir, fmt.Sprintf("%o", mode))
		write(t, path, "old", mode)
		give(t, path)
		if err := Write(path, []byte("new")); err != nil {
			t.Error(err)
		}
		expectContent(t, path, "new")
		expectMode(t, path, mode)
		expectOwner(t, path, account, accountGroup)
		expectRoot(t)
	}
}

// With a link in their own folder, people cannot do anything that they could not do themselves.
func TestLinksToFilesOfRoot(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name, path string
		prepare    func(t *testing.T, dir, root string)
		old        []byte // of the file that the path leads to
	}{
		{"a file that is secret", "link", func(t *testing.T, dir, root string) { link(t, root+"/secret", dir+"/link") }, []byte("secret")},
		{"a file that is public", "link", func(t *testing.T, dir, root string) { link(t, root+"/public", dir+"/link") }, []byte("public")},
		{"a file that is absent", "link", func(t *testing.T, dir, root string) { link(t, root+"/absent", dir+"/link") }, nil},
		{"through another link", "link", func(t *testing.T, dir, root string) {
			link(t, "second", dir+"/link")
			link(t, root+"/folder/file", dir+"/second")
		}, []byte("file")},
		{"a file of a folder", "link/public", func(t *testing.T, dir, root string) { link(t, root, dir+"/link") }, []byte("public")},
		{"a secret file of a folder", "link/secret", func(t *testing.T, dir, root string) { link(t, root, dir+"/link") }, []byte("secret")},
		{"a new file of a folder", "link/absent", func(t *testing.T, dir, root string) { link(t, root, dir+"/link") }, nil},
		{"a new folder", "link/absent/below/file", func(t *testing.T, dir, root string) { link(t, root, dir+"/link") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, root := ordinaryFolder(t), openFolder(t)
			write(t, root+"/secret", "secret", 0o600)
			write(t, root+"/public", "public", 0o644)
			if err := os.Mkdir(root+"/folder", 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, root+"/folder/file", "file", 0o644)
			c.prepare(t, dir, root)
			for name := range allFiles(t, dir) {
				give(t, filepath.Join(dir, name))
			}
			path := filepath.Join(dir, c.path)
			before, beforeRoot := test.Tree(t, dir), test.Tree(t, root)
			folderThere := true
			if _, err := os.Stat(filepath.Dir(path)); err != nil {
				folderThere = false
			}
			broken := errors.New("broken")
			for name, do := range map[string]func() error{
				"Write": func() error { return Write(path, []byte("new")) },
				"Update": func() error {
					return Update(path, time.Minute, func([]byte) ([]byte, error) { return []byte("new"), nil })
				},
				"Replace": func() error { return Replace([]Change{{path, c.old, []byte("new")}}, nil) },
				"Remove": func() error {
					if c.old == nil {
						return fs.ErrPermission // there is nothing to remove
					}
					return Remove(path)
				},
				"Private": func() error {
					if string(c.old) == "secret" || c.old == nil {
						return fs.ErrPermission // there is nothing to change
					}
					return Private(path)
				},
				"undone Replace": func() error {
					return Replace([]Change{{path, c.old, []byte("new")}}, func() error { return broken })
				},
				"removal": func() error {
					if c.old == nil {
						return fs.ErrPermission // there is nothing to remove
					}
					return Replace([]Change{{path, c.old, nil}}, nil)
				},
				"MakeFolder": func() error {
					if folderThere {
						_, err := MakeFolder(path + ".d/below")
						if filepath.Dir(path) == dir {
							os.Remove(path + ".d/below")
							os.Remove(path + ".d")
							return fs.ErrPermission // a folder in their own is theirs
						}
						return err
					}
					_, err := MakeFolder(filepath.Dir(path))
					return err
				},
			} {
				if err := do(); !errors.Is(err, fs.ErrPermission) && (folderThere || !errors.Is(err, fs.ErrNotExist)) {
					t.Errorf("%s: error %v", name, err)
				}
				expectRoot(t)
				expectTree(t, root, beforeRoot)
				os.Remove(dir + "/link.lock")
				expectTree(t, dir, before)
			}
		})
	}
}

// A lock file that is a link cannot be used for that either: flock(2) would create the file that it
// leads to.
func TestLockFileThatIsALinkOfAnotherAccount(t *testing.T) {
	needRoot(t)
	dir, root := ordinaryFolder(t), openFolder(t)
	write(t, root+"/secret", "secret", 0o600)
	before := test.Tree(t, root)
	for _, name := range []string{"secret", "absent"} {
		path := filepath.Join(dir, name)
		link(t, root+"/"+name, path+".lock")
		give(t, path+".lock")
		unlock, err := Lock(path, time.Minute)
		if err == nil {
			unlock()
		}
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: error %v", name, err)
		}
		expectRoot(t)
		expectTree(t, root, before)
	}
}

func TestOwner(t *testing.T) {
	needRoot(t)
	dir, root := ordinaryFolder(t), openFolder(t)
	link(t, root, dir+"/link")
	give(t, dir+"/link")
	for path, want := range map[string]int{
		root + "/file":              0,
		root + "/absent/below/file": 0,
		dir + "/file":               account,
		dir + "/absent/below/file":  account,
		dir + "/link/file":          account,
		dir + "/link/absent/file":   account,
		"/file":                     0,
		"/":                         0,
	} {
		if uid, _, ok := Owner(path); uid != want || !ok {
			t.Errorf("%s: account %d, want %d", path, uid, want)
		}
	}
}

// Another account's link further up decides where a path leads just as well.
func TestFolderBelowALinkOfAnotherAccount(t *testing.T) {
	needRoot(t)
	dir, root := ordinaryFolder(t), openFolder(t)
	if err := os.MkdirAll(root+"/deep/er", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/deep/er/file", "root's", 0o644)
	link(t, root, dir+"/link")
	give(t, dir+"/link")
	before := test.Tree(t, root)
	for _, path := range []string{"/link/deep/er/file", "/link/deep/er/new", "/link/deep/er/a/b/new"} {
		if uid, _, _ := Owner(dir + path); uid != account {
			t.Errorf("%s: account %d", path, uid)
		}
		err := Replace([]Change{{dir + path, nil, []byte("new")}}, nil)
		if err == nil {
			t.Errorf("%s was written", path)
		}
		if err := Write(dir+path, []byte("new")); err == nil {
			t.Errorf("%s was written", path)
		}
		expectTree(t, root, before)
	}
	RemoveFolders([]string{dir + "/link/deep/empty"})
	if err := os.Mkdir(root+"/deep/empty", 0o755); err != nil {
		t.Fatal(err)
	}
	before = test.Tree(t, root)
	RemoveFolders([]string{dir + "/link/deep/empty"})
	expectTree(t, root, before)
	// Root's link leads wherever root wants.
	link(t, dir, root+"/theirs")
	for path, want := range map[string]int{root + "/theirs/file": account, root + "/deep/../file": 0, dir + "/link/../file": account} {
		if uid, _, ok := Owner(path); uid != want || !ok {
			t.Errorf("%s: account %d, want %d", path, uid, want)
		}
	}
}

func TestOwnGroupComesBack(t *testing.T) {
	needRoot(t)
	dir := ordinaryFolder(t)
	if err := syscall.Setegid(51111); err != nil {
		t.Fatal(err)
	}
	err := Write(dir+"/file", nil)
	got := os.Getegid()
	syscall.Setegid(0)
	if err != nil || got != 51111 {
		t.Errorf("group %d, error %v", got, err)
	}
}

// A folder's owner is not always in its group.
func TestGroupOfTheAccount(t *testing.T) {
	needRoot(t)
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	dir := openFolder(t)
	if err := os.Chown(dir, uid, 0); err != nil {
		t.Fatal(err)
	}
	err = asOwner(dir+"/file", func() error {
		groups, err := syscall.Getgroups()
		if strconv.Itoa(os.Getegid()) != u.Gid || slices.Contains(groups, 0) {
			t.Errorf("group %d, groups %d", os.Getegid(), groups)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Root reads nothing for somebody that they could not read themselves.
func TestUpdateReadsNoFileOfRoot(t *testing.T) {
	needRoot(t)
	dir, root := ordinaryFolder(t), openFolder(t)
	write(t, root+"/secret", "secret", 0o600)
	link(t, root+"/secret", dir+"/file")
	give(t, dir+"/file")
	err := Update(dir+"/file", time.Minute, func(old []byte) ([]byte, error) { t.Errorf("read %q", old); return old, nil })
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
}

// Several at once neither act for one another nor end up as somebody else.
func TestOwnersAtOnce(t *testing.T) {
	test.Slow(t)
	needRoot(t)
	dir, root := ordinaryFolder(t), t.TempDir()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 10 {
				for _, path := range []string{fmt.Sprintf("%s/%d", dir, i), dir + "/all", fmt.Sprintf("%s/%d", root, i), root + "/all"} {
					err := Update(path, time.Minute, func(old []byte) ([]byte, error) { return append(old, '.'), nil })
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	for name := range allFiles(t, dir) {
		expectOwner(t, filepath.Join(dir, name), account, accountGroup)
	}
	for name := range allFiles(t, root) {
		expectOwner(t, filepath.Join(root, name), 0, 0)
	}
	expectContent(t, dir+"/all", strings.Repeat(".", 40))
}
