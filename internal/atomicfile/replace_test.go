package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contents returns what is below a folder: the content of each file by its name, and the folders, whose names end in
// "/".
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			all[name+"/"] = ""
			return nil
		}
		content, err := os.ReadFile(path)
		all[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// setFault sets Fault until the end of a test.
func setFault(t *testing.T, fault func(call, path string) error) {
	t.Helper()
	Fault = fault
	t.Cleanup(func() { Fault = nil })
}

func expectChanged(t *testing.T, err error, path string) {
	t.Helper()
	var changed *ChangedError
	if !errors.As(err, &changed) || changed.Path != path {
		t.Errorf("error %v, want that %s was changed", err, path)
	}
}

func TestReplace(t *testing.T) {
	broken := errors.New("broken")
	nothing := map[string]string{} // none of the changes stays
	b := func(s string) []byte { return []byte(s) }
	for _, test := range []struct {
		name    string
		changes []Change // relative
		check   error
		err     bool
		want    map[string]string // what differs from before, "-" if it is gone
	}{
		{"nothing", nil, nil, false, nothing},
		{"written, created, removed", []Change{{"a", b("old a"), b("new a")}, {"b", b("old b"), nil}, {"c", nil, b("new c")}}, nil, false,
			map[string]string{"a": "new a", "b": "-", "c": "new c"}},
		{"created in folders that are missing", []Change{{"x/y/c", nil, b("c")}, {"x/z/d", nil, b("d")}, {"x/e", nil, b("e")}}, nil, false,
			map[string]string{"x/": "", "x/y/": "", "x/y/c": "c", "x/z/": "", "x/z/d": "d", "x/e": "e"}},
		{"created in folders that are there", []Change{{"folder/c", nil, b("c")}, {"folder/inside/d", nil, b("d")}}, nil, false,
			map[string]string{"folder/c": "c", "folder/inside/d": "d"}},
		{"created empty", []Change{{"c", nil, b("")}}, nil, false, map[string]string{"c": ""}},
		{"emptied", []Change{{"a", b("old a"), b("")}}, nil, false, map[string]string{"a": ""}},
		{"an empty file written", []Change{{"empty", b(""), b("new")}}, nil, false, map[string]string{"empty": "new"}},
		{"an empty file removed", []Change{{"empty", b(""), nil}}, nil, false, map[string]string{"empty": "-"}},
		{"unchanged", []Change{{"a", b("old a"), b("old a")}}, nil, false, nothing},
		{"the same twice", []Change{{"a", b("old a"), b("1")}, {"a", b("1"), b("2")}}, nil, false, map[string]string{"a": "2"}},
		{"written, then removed", []Change{{"c", nil, b("1")}, {"c", b("1"), nil}}, nil, false, nothing},
		{"removed what is not there", []Change{{"c", nil, nil}, {"absent/c", nil, nil}}, nil, false, nothing},

		{"a failed check", []Change{{"a", b("old a"), b("new a")}, {"b", b("old b"), nil}, {"c", nil, b("new c")}, {"empty", b(""), b("x")}}, broken, true, nothing},
		{"a failed check of the same twice", []Change{{"a", b("old a"), b("1")}, {"a", b("2"), nil}, {"a", b("1"), b("2")}}, broken, true, nothing},
		{"a failed check with folders", []Change{{"x/y/c", nil, b("c")}, {"x/z/d", nil, b("d")}, {"folder/inside/e", nil, b("e")}}, broken, true, nothing},
		{"a failed check of what is unchanged", []Change{{"a", b("old a"), b("old a")}}, broken, true, nothing},
		{"a failed write", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"x\x00y", nil, b("x")}, {"b", b("old b"), nil}}, nil, true, nothing},
		{"a folder in the way", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"folder", nil, b("x")}}, nil, true, nothing},
		{"a folder that cannot be made", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"a/below/d", nil, b("d")}}, nil, true, nothing},

		{"changed", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"b", b("other"), b("new b")}}, nil, true, nothing},
		{"appeared", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"b", nil, b("new b")}}, nil, true, nothing},
		{"appeared, empty", []Change{{"a", b("old a"), b("new a")}, {"empty", nil, b("new")}}, nil, true, nothing},
		{"appeared with the new content", []Change{{"a", b("old a"), b("new a")}, {"b", nil, b("old b")}}, nil, true, nothing},
		{"vanished", []Change{{"a", b("old a"), b("new a")}, {"x/c", nil, b("c")}, {"d", b("old d"), b("new d")}}, nil, true, nothing},
		{"vanished, empty", []Change{{"a", b("old a"), b("new a")}, {"d", b(""), b("new d")}}, nil, true, nothing},
		{"vanished with its folder", []Change{{"a", b("old a"), b("new a")}, {"x/d", b("old d"), b("new d")}}, nil, true, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a"), "old a", 0o600)
			write(t, filepath.Join(dir, "b"), "old b", 0o600)
			write(t, filepath.Join(dir, "empty"), "", 0o600)
			if err := os.MkdirAll(filepath.Join(dir, "folder", "inside"), 0o700); err != nil {
				t.Fatal(err)
			}
			want := contents(t, dir)
			for name, content := range test.want {
				if want[name] = content; content == "-" {
					delete(want, name)
				}
			}
			for i := range test.changes {
				test.changes[i].Path = filepath.Join(dir, filepath.FromSlash(test.changes[i].Path))
			}
			checked := 0
			err := Replace(test.changes, func() error { checked++; return test.check })
			if (err != nil) != test.err || test.check != nil && !errors.Is(err, test.check) {
				t.Errorf("error %v", err)
			}
			if test.err && test.check == nil {
				var failed *WriteError
				if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), "writing "+failed.Path+": ") || strings.Contains(err.Error(), ".clever-ssh-") {
					t.Errorf("error %v does not say which file could not be written", err)
				}
				if checked != 0 {
					t.Error("checked what was not written")
				}
			} else if checked != 1 {
				t.Errorf("checked %d times", checked)
			}
			if kind, _, _ := strings.Cut(test.name, " "); slices.Contains([]string{"changed", "appeared", "vanished"}, strings.TrimSuffix(kind, ",")) {
				expectChanged(t, err, test.changes[len(test.changes)-1].Path)
			}
			if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The check sees everything that is written, and the files to be removed are still there for it.
func TestReplaceChecksBeforeItRemoves(t *testing.T) {
	dir := t.TempDir()
	written, removed := filepath.Join(dir, "written"), filepath.Join(dir, "removed")
	write(t, removed, "old", 0o600)
	err := Replace([]Change{{removed, []byte("old"), nil}, {written, nil, []byte("new")}}, func() error {
		expectContent(t, written, "new")
		expectContent(t, removed, "old")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	expectFiles(t, dir, "written")
}

// A file that has changed since it was read is not removed.
func TestReplaceRemovesNoOthersEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, old := range [][]byte{[]byte("old"), nil, {}} {
		write(t, path, "edited", 0o600)
		expectChanged(t, Replace([]Change{{path, old, nil}}, nil), path)
		expectContent(t, path, "edited")
	}
	// Nor is a file that was edited while the others were written.
	err := Replace([]Change{{path, []byte("edited"), nil}}, func() error { write(t, path, "again", 0o600); return nil })
	expectChanged(t, err, path)
	expectContent(t, path, "again")
}

// Somebody may edit a file while the earlier ones are written.
func TestReplaceWhileOthersWrite(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(t *testing.T, dir string)
		path string
		old  []byte
		want map[string]string
	}{
		{"changed", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "b"), "edited", 0o600) }, "b", []byte("old b"), map[string]string{"a": "old a", "b": "edited"}},
		{"appeared", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "c"), "", 0o600) }, "c", nil, map[string]string{"a": "old a", "b": "old b", "c": ""}},
		{"vanished", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "b")) }, "b", []byte("old b"), map[string]string{"a": "old a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			a, path := filepath.Join(dir, "a"), filepath.Join(dir, test.path)
			write(t, a, "old a", 0o600)
			write(t, filepath.Join(dir, "b"), "old b", 0o600)
			edited := false
			setFault(t, func(call, path string) error {
				if call == "rename" && filepath.Base(path) == "a" && !edited {
					edited = true
					test.edit(t, dir)
				}
				return nil
			})
			err := Replace([]Change{{a, []byte("old a"), []byte("new a")}, {path, test.old, []byte("new")}}, func() error { t.Error("checked"); return nil })
			expectChanged(t, err, path)
			if diff := cmp.Diff(test.want, contents(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What somebody else has written in the meantime is not undone, and its folders stay; everything else is undone.
func TestReplaceLeavesOthersEdits(t *testing.T) {
	dir := t.TempDir()
	var changes []Change
	for _, name := range []string{"first", "edited", "removed", "last"} {
		write(t, filepath.Join(dir, name), "old "+name, 0o600)
		changes = append(changes, Change{filepath.Join(dir, name), []byte("old " + name), []byte("new " + name)})
	}
	changes = append(changes, Change{filepath.Join(dir, "x", "y", "new"), nil, []byte("new")}, Change{filepath.Join(dir, "x", "made"), nil, []byte("made")})
	broken := errors.New("broken")
	err := Replace(changes, func() error {
		write(t, filepath.Join(dir, "edited"), "by somebody", 0o600)
		write(t, filepath.Join(dir, "x", "made"), "by somebody", 0o600)
		os.Remove(filepath.Join(dir, "removed"))
		return broken
	})
	if !errors.Is(err, broken) || strings.Count(err.Error(), " could not be restored: ") != 3 {
		t.Errorf("error %v", err)
	}
	expectChanged(t, err, filepath.Join(dir, "x", "made"))
	want := map[string]string{"first": "old first", "edited": "by somebody", "last": "old last", "x/": "", "x/made": "by somebody"}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// If it cannot be undone, the error names both failures.
func TestReplaceThatCannotBeUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "old", 0o600)
	broken := errors.New("broken")
	err := Replace([]Change{{path, []byte("old"), []byte("new")}}, func() error {
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		return broken
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "broken; and "+path+" could not be restored: ") {
		t.Errorf("error %v", err)
	}
}

// A file that already has the right content is not written, neither on the way forward nor back.
func TestReplaceLeavesTheSameContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "content", 0o400) // it need not even be writable
	long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	setFault(t, func(call, path string) error { t.Errorf("%s %s", call, path); return nil })
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		if err := Replace([]Change{{path, []byte("content"), []byte("content")}}, func() error { return want }); !errors.Is(err, want) {
			t.Errorf("error %v", err)
		}
		after, err := os.Stat(path)
		if err != nil || !after.ModTime().Equal(long) || !os.SameFile(before, after) {
			t.Errorf("the file was written again, error %v", err)
		}
	}
}

func TestMakeFolder(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "a", "b"), filepath.Join(dir, "a", "b", "c")
	made, err := MakeFolder(c)
	if err != nil || !slices.Equal(made, []string{a, b, c}) {
		t.Errorf("made %q, error %v", made, err)
	}
	again, err := MakeFolder(c)
	if err != nil || len(again) != 0 {
		t.Errorf("made %q, error %v", again, err)
	}
	write(t, filepath.Join(a, "file"), "content", 0o600)
	RemoveFolders(made)
	if diff := cmp.Diff(map[string]string{"a/": "", "a/file": "content"}, contents(t, dir)); diff != "" {
		t.Error(diff)
	}

	// An error also comes with the folders that were made.
	full := errors.New("full")
	setFault(t, func(call, path string) error {
		if call == "mkdir" && path == c {
			return full
		}
		return nil
	})
	if made, err = MakeFolder(c); !errors.Is(err, full) || !slices.Equal(made, []string{b}) {
		t.Errorf("made %q, error %v", made, err)
	}
	RemoveFolders(made)
	expectFiles(t, a, "file")

	Fault = nil
	if made, err := MakeFolder(filepath.Join(a, "file", "below")); err == nil || len(made) != 0 {
		t.Errorf("made %q in a file, error %v", made, err)
	}
	expectContent(t, filepath.Join(a, "file"), "content")
}

// A folder that another process makes at the same time is not ours to remove.
func TestFolderMadeByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	x := filepath.Join(dir, "x")
	setFault(t, func(call, path string) error {
		if call == "mkdir" && path == x {
			return os.Mkdir(x, 0o700)
		}
		return nil
	})
	broken := errors.New("broken")
	err := Replace([]Change{{filepath.Join(x, "y", "file"), nil, []byte("new")}}, func() error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(map[string]string{"x/": ""}, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// What a killed write left goes with the next change of the same file; nothing else does.
func TestLeftovers(t *testing.T) {
	for _, test := range []struct {
		name    string
		changed bool // whether the file has other content afterwards
		do      func(path string) error
		removed bool
	}{
		{"written", true, func(path string) error { return Write(path, []byte("new")) }, false},
		{"written the same", false, func(path string) error { return Write(path, []byte("old")) }, false},
		{"updated", true, func(path string) error {
			return Update(path, time.Minute, func([]byte) ([]byte, error) { return []byte("new"), nil })
		}, false},
		{"replaced", true, func(path string) error { return Replace([]Change{{path, []byte("old"), []byte("new")}}, nil) }, false},
		{"replaced by the same", false, func(path string) error { return Replace([]Change{{path, []byte("old"), []byte("old")}}, nil) }, false},
		{"removed", true, func(path string) error { return Replace([]Change{{path, []byte("old"), nil}}, nil) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config")
			write(t, path, "old", 0o600)
			others := []string{
				".clever-ssh-config-d-1234", // of config-d
				".clever-ssh-config2-1234",  // of config2
				".clever-ssh-1234",
				".clever-ssh-config",
				".clever-ssh-config-",
				".clever-ssh-onfig-1234",
				"clever-ssh-config-1234",
				"config-1234",
				".config-1234",
			}
			for _, name := range others {
				write(t, filepath.Join(dir, name), "other", 0o600)
			}
			folder := filepath.Join(dir, ".clever-ssh-config-1111")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			want := contents(t, dir)
			switch {
			case test.removed:
				delete(want, "config")
			case test.changed:
				want["config"] = "new"
			}
			write(t, filepath.Join(dir, ".clever-ssh-config-1234"), "half", 0o600)
			write(t, filepath.Join(dir, ".clever-ssh-config-4294967295"), "", 0o400)
			if err := test.do(path); err != nil {
				t.Error(err)
			}
			os.Remove(path + ".lock")
			if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What somebody writes at the last moment, while the new content is on its way to the disk, is not lost.
func TestReplaceLooksAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "old", 0o600)
	Fault = func(call, _ string) error {
		if call == "sync" {
			write(t, path, "by somebody", 0o600)
		}
		return nil
	}
	defer func() { Fault = nil }()
	err := Replace([]Change{{path, []byte("old"), []byte("new")}}, nil)
	expectChanged(t, err, path)
	expectContent(t, path, "by somebody")
	expectFiles(t, filepath.Dir(path), "file")
}
