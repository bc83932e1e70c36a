//go:build unix

package setup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/users"

	"github.com/google/go-cmp/cmp"
)

// Whatever a person's own ssh_config holds, and wherever it is: setup adds its line or finds it
// there, does what its dry run printed, a second setup changes nothing, and Undo restores
// everything. The tests of package sshconfig check what ssh makes of the same files, before and
// after. The tests of the program check some of both.

// newUserHome makes a home with an ssh_config as a person may keep it.
func newUserHome(t *testing.T, p users.Placement, text string) home {
	t.Helper()
	h := newHome(t)
	h.userFile = filepath.Join(h.dir, ".ssh", "config")
	if err := errors.Join(os.Mkdir(filepath.Dir(h.userFile), 0o700), p.Place(h.dir, text)); err != nil {
		t.Fatal(err)
	}
	return h
}

// written returns the file that a path leads to, by its path in the home.
func (h home) written(path string) string {
	h.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		h.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(h.dir)
	if err != nil {
		h.Fatal(err)
	}
	name, err := filepath.Rel(dir, path)
	if err != nil {
		h.Fatal(err)
	}
	return name
}

func TestUserFiles(t *testing.T) {
	test.Slow(t)
	patch := test.Need(t, "patch")
	check := func(p users.Placement, f users.File) {
		t.Run(f.Title+"/"+p.Title, func(t *testing.T) {
			h := newUserHome(t, p, "")
			h.withoutSSH()
			entries := filepath.Join(filepath.Dir(h.userFile), "clever", "config")
			// Here only an absolute path leads to the entries.
			text := strings.NewReplacer("~/.ssh/clever/config", entries, "/home/me/.ssh/clever/config", entries, "clever/config", entries).Replace(f.Text)
			if _, err := os.Stat(h.userFile); err == nil {
				h.overwrite(h.userFile, text)
			}
			before := h.tree()
			edit := h.edit(map[config.Name]config.Target{"web": app})
			edit.PuTTY = config.PuTTYYes

			if err := (&Request{Edit: edit, DryRun: true}).CarryOut(); err != nil {
				t.Fatal(err)
			}
			h.expectTree("a dry run", before)
			patched := h.patched(patch)
			h.setup(edit)
			after := h.tree()
			h.expectPatched(before, after, patched)
			h.expectKept(before, after, f.Ours)

			times := h.snapshot()
			h.setup(edit)
			if diff := cmp.Diff(times, h.snapshot()); diff != "" {
				t.Errorf("setup a second time changed something:\n%s", diff)
			}
			if err := Undo(); err != nil {
				t.Error(err)
			}
			h.expectTree("setup and then Undo", before)
		})
	}
	for i, f := range append(slices.Clone(users.Files), users.Large()) {
		if !f.Unread { // for TestUserFilesRefused
			check(users.Placements[i%len(users.Placements)], f)
		}
	}
	for _, p := range users.Absences {
		check(p, users.File{Title: "nothing"})
	}
}

// A folder of settings that is a link belongs to whoever made the link, and holds more than setup's file.
func TestUndoKeepsALinkToTheSettings(t *testing.T) {
	h := newHome(t)
	h.withoutSSH()
	kept, link := filepath.Join(h.dir, "dotfiles", "clever-cloud"), filepath.Join(h.dir, "settings", "clever-cloud")
	h.write(filepath.Join(kept, "clever-tools.json"), "{}")
	if err := os.Symlink(kept, link); err != nil {
		t.Fatal(err)
	}
	h.write(h.userFile, "# mine\n")
	before := h.tree()
	h.setup(h.edit(map[config.Name]config.Target{"web": app}))
	if err := Undo(); err != nil {
		t.Error(err)
	}
	h.expectTree("setup and then Undo", before)
	if to, err := os.Readlink(link); to != kept {
		t.Errorf("the link leads to %q: %v", to, err)
	}
}

// overwrite replaces the content of a file, and keeps its mode and its links.
func (h home) overwrite(path, text string) {
	h.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// expectTree fails unless the home holds what it held before.
func (h home) expectTree(about string, before tree) {
	h.Helper()
	if diff := cmp.Diff(before, h.tree()); diff != "" {
		h.Errorf("%s has left something else:\n%s", about, diff)
	}
}

// expectKept checks that setup left everything in place, and changed the user's file only by its
// line, if the line was missing.
func (h home) expectKept(before, after tree, included bool) {
	h.Helper()
	name := h.written(h.userFile)
	for path, was := range before {
		if path == name && !included {
			line := strings.TrimRight(strings.TrimSuffix(after[path].Text, was.Text), "\r\n")
			if line != h.includeLine() {
				h.Errorf("setup added %q to the user's file, want %q", line, h.includeLine())
			}
			was.Text = after[path].Text
		}
		if is, ok := after[path]; !ok || is != was {
			h.Errorf("%s: setup made %+v of %+v", path, is, was)
		}
	}
	for path, is := range after {
		if _, ok := before[path]; !ok && is.Mode.IsRegular() && is.Mode != 0o600 {
			h.Errorf("%s has the mode %v", path, is.Mode)
		}
	}
}

// patched applies a dry run's output with patch, and returns the files that it makes, by path.
func (h home) patched(patch string) map[string]string {
	h.Helper()
	printed, err := os.ReadFile(filepath.Join(h.bin, "stdout"))
	if err != nil {
		h.Fatal(err)
	}
	root, files := h.TempDir(), map[string]string{}
	lines := strings.Split(string(printed), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "diff ") { // a line of a file's content begins with a sign
			continue
		}
		path, _ := strings.CutPrefix(lines[i+2], "+++ ")
		files[path] = ""
		if text, err := os.ReadFile(path); err == nil {
			h.write(filepath.Join(root, path), string(text))
		}
	}
	cmd := exec.Command(patch, "-s", "-p1", "-d", root)
	cmd.Stdin = strings.NewReader(string(printed))
	if out, err := cmd.CombinedOutput(); err != nil {
		h.Fatalf("patch: %v\n%s\n%s", err, out, printed)
	}
	for path := range files {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			h.Fatalf("patch did not make %s: %v\n%s", path, err, printed)
		}
		files[path] = string(text)
	}
	return files
}

// expectPatched checks that setup did exactly what the dry run printed, except for the bridge's
// host key: the dry run does not print the key, and does not know its fingerprint for a session
// yet.
func (h home) expectPatched(before, after tree, patched map[string]string) {
	h.Helper()
	named := map[string]bool{}
	for path, want := range patched {
		name := h.written(path)
		named[name] = true
		is := after[name].Text
		if strings.HasSuffix(name, ".run.clever") {
			is, want = pinnedKey.ReplaceAllString(is, ""), pinnedKey.ReplaceAllString(want, "")
		}
		if is != want {
			h.Errorf("%s:\n%s\nthe dry run had it\n%s", path, is, want)
		}
	}
	for name, is := range after {
		base := filepath.Base(name)
		if changed := is.Mode.IsRegular() && is.Text != before[name].Text; changed != (named[name] || base == "bridge_key" || base == "bridge_known_hosts") {
			h.Errorf("setup changed %s: %v, and the dry run named it: %v", name, changed, named[name])
		}
	}
}

// pinnedKey matches what depends on the bridge's host key in a session: its fingerprint, and the
// seal, which covers all lines.
var pinnedKey = regexp.MustCompile(`(?m)^(SSHManualHostKeys=SHA256:[A-Za-z0-9+/]{43}|CleverSSH=[0-9a-f]{64})\n`)

// refusals are homes in which setup fails, either before it asks ssh, and then there is none, or
// because of what ssh says.
var refusals = []struct {
	users.Placement
	text string
	ssh  string // its script, empty if ssh is not installed
	says string
}{
	{users.Placement{Title: "a byte order mark", Place: users.Plain(0o600)}, "\xef\xbb\xbfHost example.com\n", "", "byte order mark"},
	{users.Placement{Title: "a byte order mark behind links", Place: users.Chain}, "\xef\xbb\xbf", "", "byte order mark"},
	{users.Placement{Title: "what ssh does not know", Place: users.Plain(0o644)}, "Host *\n", refusing, "line 3: Bad configuration option"},
	{users.Placement{Title: "what ssh does not know, behind links", Place: users.Chain}, "Host *\n", refusing, "line 3: Bad configuration option"},
	{users.Placement{Title: "a folder in its place", Place: func(home, _ string) error {
		return os.Mkdir(filepath.Join(home, ".ssh/config"), 0o700)
	}}, "", "", "not a regular file"},
	{users.Placement{Title: "a pipe in its place", Place: func(home, _ string) error {
		return syscall.Mkfifo(filepath.Join(home, ".ssh/config"), 0o600)
	}}, "", "", "not a regular file"},
	{users.Placement{Title: "a link to itself", Place: func(home, _ string) error {
		return os.Symlink("config", filepath.Join(home, ".ssh/config"))
	}}, "", "", "too many levels of symbolic links"},
	{users.Placement{Title: "a link into a folder that is not there", Place: func(home, _ string) error {
		return os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config"))
	}}, "", "", "dotfiles"},
	{users.Placement{Title: "a config of the user's own where the entries are to be", Place: func(home, text string) error {
		return errors.Join(users.Put(home, ".ssh/clever/config", 0o600, "Host mine\n    Port 2222\n"), users.Put(home, ".ssh/config", 0o600, text))
	}}, "Include clever/config\n", "", "clever/config is not one of clever-ssh's files"},
	{users.Placement{Title: "a file where the entries' folder is to be", Place: func(home, text string) error {
		return errors.Join(users.Put(home, ".ssh/clever", 0o600, "mine\n"), users.Put(home, ".ssh/config", 0o600, text))
	}}, "Host *\n", "", "clever"},
}

// A setup that fails changes nothing, whatever it had written by then.
func TestUserFilesRefused(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.Title, func(t *testing.T) {
			h := newUserHome(t, r.Placement, r.text)
			if h.withoutSSH(); r.ssh != "" {
				h.answerAs(r.ssh)
			}
			before := h.tree()
			edit := h.edit(map[config.Name]config.Target{"web": app})
			(&Request{Edit: edit, DryRun: true}).CarryOut() // it asks no ssh, so it may not fail
			h.expectTree("a dry run", before)
			if err := (&Request{Edit: edit}).CarryOut(); err == nil || !strings.Contains(err.Error(), r.says) {
				t.Errorf("got %v, want %q", err, r.says)
			}
			h.expectTree("a refused setup", before)
		})
	}
}
