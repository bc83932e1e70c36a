//go:build unix

package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/test"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
)

const ownText = "# mine\nHost example.com\n    User me\n"

// must is for values that a test needs before it begins.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// edits returns the edits of a lifetime of settings, in order.
func edits(h home) []config.Edit {
	identity := filepath.Join(h.dir, "id.pub")
	h.write(identity, "ssh-ed25519 AAAA me\n")
	staging := config.Edit{Suffix: "staging", Address: must(config.ParseAddress("gw.example.com:2222")), Pins: []config.Pin{must(config.ParsePin(otherPin))}}
	return []config.Edit{
		h.edit(nil),
		h.edit(map[config.Name]config.Target{"web": app}),
		{Suffix: config.DefaultSuffix, Names: map[config.Name]config.Target{"web": otherApp, "api": app}, Replace: true},
		staging,
		{Suffix: "staging", Names: map[config.Name]config.Target{"web": app}},
		{Suffix: config.DefaultSuffix, Identity: identity, Via: must(config.ParseVia("http://me:secret@proxy.example.com:3128"))},
		{PuTTY: config.PuTTYYes},
		{Suffix: config.DefaultSuffix, Remove: []config.Name{"api"}},
		{Suffix: "staging", Drop: true},
		{PuTTY: config.PuTTYNo},
	}
}

// Whatever the edit, the files hold what was planned, ssh was asked, and nothing is left for another plan to do.
func TestWritesWhatIsPlanned(t *testing.T) {
	h := newHomeWith(t, ownText)
	for i, edit := range edits(h) {
		os.Remove(h.asked())
		p := h.plan(edit)
		if len(p.Stale()) == 0 && i < 6 { // later edits are about PuTTY or take something out
			t.Errorf("edit %d changes no entries", i)
		}
		if err := p.carryOut(context.Background()); err != nil {
			t.Fatal(i, err)
		}
		h.expectWritten(p)
		for _, file := range privateFiles(p.layout) {
			if info, err := os.Stat(file); err == nil && info.Mode().Perm() != atomicfile.Mode {
				t.Errorf("edit %d: %s has the mode %v", i, file, info.Mode())
			}
		}
		if asked, err := os.ReadFile(h.asked()); err != nil || string(asked) != "192.0.2.1\nclever\n" {
			t.Errorf("edit %d: ssh was asked for %q, %v", i, asked, err)
		}
		next := h.plan(config.Edit{})
		if stale := next.Stale(); stale != nil || len(next.sessions.List) > 0 {
			t.Errorf("edit %d leaves %v and %v", i, stale, next.sessions.List)
		}
		if user := next.userFile; string(user.Old) != string(user.New) || strings.Count(string(user.New), "Include") != 1 || !strings.HasSuffix(string(user.New), ownText) {
			t.Errorf("edit %d: the user's file is\n%s", i, user.New)
		}
	}
}

// With --no-include, the user's own file is left alone.
func TestNoInclude(t *testing.T) {
	h := newHomeWith(t, ownText)
	r := &Request{Edit: h.edit(nil), NoInclude: true}
	if err := r.CarryOut(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(h.userFile); err != nil || string(text) != ownText {
		t.Errorf("%q, %v", text, err)
	}
	p := h.plan(config.Edit{})
	if got, want := p.missingLine(), "Put this line at the top of "+h.userFile+":\n\n    "+p.layout.IncludeLine()+"\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h.setup(config.Edit{Suffix: config.DefaultSuffix})
	if got := h.plan(config.Edit{}).missingLine(); got != "" {
		t.Errorf("the line is there, and still asked for: %q", got)
	}
}

// A second setup changes no file, and neither does a dry run.
func TestTwiceEqualsOnce(t *testing.T) {
	h := newHomeWith(t, ownText)
	edit := h.edit(map[config.Name]config.Target{"web": app})
	edit.PuTTY = config.PuTTYYes
	before := h.snapshot()
	if err := (&Request{Edit: edit, DryRun: true}).CarryOut(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, h.snapshot()); diff != "" {
		t.Errorf("a dry run changed this:\n%s", diff)
	}
	h.setup(edit)
	first := h.snapshot()
	h.setup(edit)
	h.setup(config.Edit{Suffix: config.DefaultSuffix})
	if diff := cmp.Diff(first, h.snapshot()); diff != "" {
		t.Errorf("a second setup changed this:\n%s", diff)
	}
}

// Many setups at once lose no name. This holds in a home that is set up, while other commands
// remove names, and in one with nothing yet.
func TestManyAtOnce(t *testing.T) {
	test.Slow(t)
	const many = 20
	for _, c := range []struct {
		title string
		home  func(*testing.T) home
		used  bool
	}{{"set up", func(t *testing.T) home { return newHomeWith(t, ownText) }, true}, {"nothing yet", newHome, false}} {
		t.Run(c.title, func(t *testing.T) {
			h := c.home(t)
			h.withoutSSH()
			before := h.contents()
			old := map[config.Name]config.Target{}
			for i := range many {
				old[config.Name(fmt.Sprintf("old-%d", i))] = app
			}
			if c.used {
				h.setup(h.edit(old))
			}
			var all sync.WaitGroup
			for i := range many {
				all.Go(func() {
					edit := h.edit(map[config.Name]config.Target{config.Name(fmt.Sprintf("new-%d", i)): otherApp})
					if err := (&Request{Edit: edit}).CarryOut(); err != nil {
						t.Error(err)
					}
				})
				if c.used {
					all.Go(func() {
						if err := RemoveNames(config.DefaultSuffix, []string{fmt.Sprintf("old-%d", i)}); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Wait()
			p := h.plan(config.Edit{})
			h.expectWritten(p)
			names := p.config.Gateways[0].Names
			for i := range many {
				if got := names[config.Name(fmt.Sprintf("new-%d", i))]; got != otherApp {
					t.Errorf("new-%d stands for %q", i, got)
				}
			}
			if len(names) != many || len(p.Stale()) > 0 {
				t.Errorf("%d names, want %d; not written are %q", len(names), many, p.Stale())
			}
			for name := range h.contents() {
				if base := filepath.Base(name); strings.HasPrefix(base, ".clever-ssh-") || base == "clever-ssh.toml.lock" {
					t.Errorf("%s is left behind", name)
				}
			}
			if err := Undo(); err != nil {
				t.Error(err)
			}
			h.expectContents(before)
		})
	}
}

// Undo restores the same bytes, or the same absence.
func TestUndoGivesBack(t *testing.T) {
	for title, h := range map[string]func(*testing.T) home{
		"no folder":        newHome,
		"no file":          func(t *testing.T) home { h := newHomeWith(t, ""); os.Remove(h.userFile); return h },
		"empty":            func(t *testing.T) home { return newHomeWith(t, "") },
		"no final newline": func(t *testing.T) home { return newHomeWith(t, "Host example.com\n    User me") },
		"CRLF":             func(t *testing.T) home { return newHomeWith(t, "\r\nHost example.com\r\n    User me\r\n") },
		"the same line further": func(t *testing.T) home {
			h := newHomeWith(t, "")
			h.write(h.userFile, "Port 7\nInclude "+h.dir+"/ssh/clever/config\n")
			return h
		},
		"the line already": func(t *testing.T) home {
			h := newHomeWith(t, "")
			h.write(h.userFile, "Include "+h.dir+"/ssh/clever/config\n")
			return h
		},
	} {
		t.Run(title, func(t *testing.T) {
			h := h(t)
			before := h.contents()
			edit := h.edit(map[config.Name]config.Target{"web": app})
			edit.PuTTY = config.PuTTYYes
			h.setup(edit)
			for _, name := range []string{"/ssh/clever/config", "/putty/sessions/web.clever", "/settings/clever-cloud/clever-ssh.toml"} {
				if h.contents()[name] == "" {
					t.Errorf("setup wrote no %s", name)
				}
			}
			if err := Undo(); err != nil {
				t.Fatal(err)
			}
			h.expectContents(before)
			if err := Undo(); err != nil {
				t.Error("with nothing to undo:", err)
			}
			h.expectContents(before)
		})
	}
}

// Connections write known_hosts and direct.conf under a lock, so Undo holds that lock while it changes them.
func TestUndoTakesTheLocks(t *testing.T) {
	h := newHomeWith(t, ownText)
	h.setup(h.edit(map[config.Name]config.Target{"web": app}))
	l := sshconfig.Layout{UserFile: h.userFile}
	h.write(l.KnownHosts(), "clever-ssh-clever ssh-ed25519 AAAA\nexample.com ssh-ed25519 AAAA\n")
	h.write(l.DirectFile(), "")
	changed := map[string]bool{}
	atomicfile.Fault = func(call, path string) error {
		for _, file := range []string{l.KnownHosts(), l.DirectFile()} {
			if filepath.Base(path) != filepath.Base(file) || call != "rename" && call != "remove" {
				continue
			}
			changed[filepath.Base(path)] = true
			if taken, err := flock.New(file + ".lock").TryLock(); taken || err != nil {
				t.Errorf("%s %s without its lock, %v", call, path, err)
			}
		}
		return nil
	}
	defer func() { atomicfile.Fault = nil }()
	if err := Undo(); err != nil {
		t.Error(err)
	}
	if len(changed) != 2 {
		t.Errorf("it changes %v", changed)
	}
	left, err := os.ReadDir(l.Folder())
	if err != nil || len(left) != 1 || left[0].Name() != "known_hosts" {
		t.Errorf("%v is left, %v", left, err)
	}
}

// Settings that a person wrote stay, and so does a derived file that is somebody else's.
func TestUndoKeepsWhatIsNotOurs(t *testing.T) {
	h := newHomeWith(t, ownText)
	h.write(filepath.Join(h.dir, "settings", "clever-cloud", "clever-ssh.toml"), "ssh-config = \""+h.userFile+"\"\n\n[names]\nweb = \""+string(app)+"\"\n")
	before := h.contents()
	h.setup(config.Edit{Suffix: config.DefaultSuffix})
	if err := Undo(); err != nil {
		t.Fatal(err)
	}
	h.expectContents(before)

	h.write(filepath.Join(h.dir, "ssh", "clever", "config"), "Host mine\n")
	before = h.contents()
	if err := Undo(); err == nil || !strings.Contains(err.Error(), "is not one of clever-ssh's files") {
		t.Error(err)
	}
	if err := (&Request{Edit: config.Edit{Suffix: config.DefaultSuffix}}).CarryOut(); err == nil || !strings.Contains(err.Error(), "is not one of clever-ssh's files") {
		t.Error(err)
	}
	h.expectContents(before)
}

// Every command that edits the settings or undoes setup also removes the match file of an earlier
// version. Somebody else's file of that name stays.
func TestOldMatchFile(t *testing.T) {
	test.Slow(t)
	for title, edit := range map[string]func(h home) error{
		"setup":  setupOf("web"),
		"remove": func(home) error { return RemoveNames(config.DefaultSuffix, []string{"web"}) },
		"undo":   func(home) error { return Undo() },
	} {
		t.Run(title, func(t *testing.T) {
			for _, c := range []struct {
				layOut func(h home, old string)
				stays  bool
			}{
				{func(h home, _ string) { h.age() }, false},
				{func(h home, old string) { h.write(old, "Host mine\n") }, true},
			} {
				h := newHomeWith(t, ownText)
				h.setup(h.edit(map[config.Name]config.Target{"web": app}))
				old := sshconfig.Layout{UserFile: h.userFile}.OldMatchFile()
				c.layOut(h, old)
				if err := edit(h); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(old); (err == nil) != c.stays {
					t.Errorf("want that it stays: %v; %v", c.stays, err)
				}
			}
		})
	}
}

// What is removed leaves nothing behind. If something cannot be removed, the error says what to
// type.
func TestRemove(t *testing.T) {
	h := newHomeWith(t, ownText)
	h.setup(h.edit(map[config.Name]config.Target{"web": app}))
	before := h.contents()
	h.setup(config.Edit{Suffix: config.DefaultSuffix, Names: map[config.Name]config.Target{"api": app}})
	if err := RemoveNames(config.DefaultSuffix, []string{"api.clever"}); err != nil {
		t.Fatal(err)
	}
	h.expectContents(before)
	staging := edits(h)[3]
	before = h.contents()
	h.setup(staging)
	if err := RemoveGateway("staging"); err != nil {
		t.Fatal(err)
	}
	h.expectContents(before)

	for _, c := range []struct {
		err         error
		says, hints string
	}{
		{RemoveNames(config.DefaultSuffix, []string{"wep"}), `"wep" is not a registered name`, "did you mean web.clever?\nclever-ssh list shows them all"},
		{RemoveNames(config.DefaultSuffix, []string{"clever"}), "clever is not a registered name", "clever-ssh list shows them all"},
		{RemoveNames("staging", []string{"web"}), `no gateway has the suffix "staging"`, "the known ones are: clever"},
		{RemoveGateway(config.DefaultSuffix), "the gateway clever is built in and cannot be removed", "to remove its names: clever-ssh remove web\nto change its address, pins, identity or via: edit " +
			h.dir + "/settings/clever-cloud/clever-ssh.toml, then clever-ssh setup\nto remove everything that setup wrote: clever-ssh remove --all"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) || strings.Join(ui.Hints(c.err), "\n") != c.hints {
			t.Errorf("got %v\n%s\nwant %s\n%s", c.err, strings.Join(ui.Hints(c.err), "\n"), c.says, c.hints)
		}
	}
	h.expectContents(before)
}

// Entries that ssh refuses are undone, and what it says is passed on.
func TestRefusedEntries(t *testing.T) {
	for _, c := range []struct{ title, script string }{{"its entries", refusingEntries}, {"all", refusing}} {
		t.Run(c.title, func(t *testing.T) {
			h := newHomeWith(t, ownText)
			h.answerAs(c.script)
			before := h.contents()
			err := (&Request{Edit: h.edit(map[config.Name]config.Target{"web": app})}).CarryOut()
			want := "ssh refuses its configuration: " + h.userFile + ": line 3: Bad configuration option: nosuchoption; your files are as they were"
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if hints := ui.Hints(err); len(hints) != 1 || hints[0] != fixAndRepeat {
				t.Errorf("the hints are %q", hints)
			}
			h.expectContents(before)

			// Entries that were there before are put back too.
			h.answerAs(accepting)
			h.setup(h.edit(nil))
			before = h.contents()
			h.answerAs(c.script)
			if err := (&Request{Edit: h.edit(map[config.Name]config.Target{"web": app})}).CarryOut(); err == nil {
				t.Error("not refused")
			}
			h.expectContents(before)
		})
	}
}

// An interrupt while ssh reads the new entries undoes everything. An interrupt before that writes
// nothing.
func TestInterrupt(t *testing.T) {
	h := newHomeWith(t, ownText)
	reached := filepath.Join(h.bin, "reached")
	if err := syscall.Mkfifo(reached, 0o600); err != nil {
		t.Fatal(err)
	}
	h.answerAs(`grep -q "^Include" "$file" || exit 9
echo reached >'` + reached + `'
exec sleep 600`)
	edit := h.edit(map[config.Name]config.Target{"web": app})
	edit.PuTTY = config.PuTTYYes
	before := h.contents()
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	said := make(chan string, 1)
	go func() {
		text, err := os.ReadFile(reached) // waits for ssh
		if err != nil {
			text = []byte(err.Error())
		}
		said <- string(text)
		interrupt()
	}()
	for _, when := range []string{"while ssh reads", "before anything"} {
		err := h.plan(edit).carryOut(ctx)
		if err == nil || err.Error() != "context canceled; your files are as they were" || len(ui.Hints(err)) > 0 {
			t.Errorf("%s: %v, %q", when, err, ui.Hints(err))
		}
		h.expectContents(before)
	}
	if text := <-said; text != "reached\n" {
		t.Errorf("ssh was not asked: %q", text)
	}
	if asked, err := os.ReadFile(h.asked()); err != nil || string(asked) != "192.0.2.1\n" {
		t.Errorf("ssh was asked for %q, %v", asked, err)
	}
}

// A file that somebody else changes between the plan and the write stays as they left it.
func TestChangedMeanwhile(t *testing.T) {
	h := newHomeWith(t, ownText)
	p := h.plan(h.edit(map[config.Name]config.Target{"web": app}))
	h.write(h.userFile, ownText+"Host more\n")
	before := h.contents()
	err := p.carryOut(context.Background())
	if changed := new(atomicfile.ChangedError); !errors.As(err, &changed) || changed.Path != h.userFile {
		t.Error(err)
	}
	if hints := ui.Hints(err); len(hints) != 1 || hints[0] != "run this again" {
		t.Errorf("the hints are %q", hints)
	}
	h.expectContents(before)
}
