//go:build unix

package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

// These tests check what setup and remove leave if they are stopped at any of the calls that change
// the file system, by an error or for good. They kill nothing: a process that is killed leaves what
// the disk holds at that moment, so a copy of the home before each call is what a kill there would
// leave. The tests of the program do kill it, at a call of each kind.

// file is a file, a folder or a link in a home.
type file struct {
	Mode fs.FileMode
	Text string // what a file holds, or where a link leads
}

// tree is everything in a home, by its path in it.
type tree map[string]file

// tree returns what the home holds now.
func (h home) tree() tree {
	h.Helper()
	all := tree{}
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := file{Mode: info.Mode()}
		switch {
		case info.Mode().IsRegular():
			var text []byte
			text, err = os.ReadFile(path)
			f.Text = string(text)
		case info.Mode()&fs.ModeSymlink != 0:
			f.Text, err = os.Readlink(path)
		}
		name, _ := filepath.Rel(h.dir, path)
		all[name] = f
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// restore makes the home what it was.
func (h home) restore(all tree) {
	h.Helper()
	entries, err := os.ReadDir(h.dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(h.dir, e.Name())))
	}
	for _, name := range all.names() {
		path := filepath.Join(h.dir, name)
		switch f := all[name]; {
		case name == ".":
		case f.Mode.IsDir():
			err = errors.Join(err, os.Mkdir(path, 0o700), os.Chmod(path, f.Mode.Perm()))
		case f.Mode&fs.ModeSymlink != 0:
			err = errors.Join(err, os.Symlink(f.Text, path))
		default:
			err = errors.Join(err, os.WriteFile(path, []byte(f.Text), 0o600), os.Chmod(path, f.Mode.Perm()))
		}
	}
	if err != nil {
		h.Fatal(err)
	}
}

// names returns the paths, a folder before what is in it.
func (all tree) names() []string { return slices.Sorted(maps.Keys(all)) }

// The files of a home in these tests.
const (
	userFile    = "ssh/config"
	linkedFile  = "dotfiles/ssh_config"
	directFile  = "ssh/clever/direct.conf"
	knownHosts  = "ssh/clever/known_hosts"
	bridgeKey   = "ssh/clever/bridge_key"
	bridgeHosts = "ssh/clever/bridge_known_hosts"
)

// ownConfig is a user's configuration, in a folder of dotfiles shared with Windows.
const ownConfig = "# my hosts\r\nHost *\r\n    ForwardAgent yes\r\n\r\nHost example.com\r\n    Port 2200\r\n"

func (h home) layOutDotfiles() {
	h.Helper()
	linked := filepath.Join(h.dir, linkedFile)
	h.write(linked, ownConfig)
	if err := errors.Join(os.Chmod(linked, 0o640), os.Mkdir(filepath.Dir(h.userFile), 0o700), os.Symlink("../"+linkedFile, h.userFile)); err != nil {
		h.Fatal(err)
	}
}

// use sets the home up and makes it look used: it has the files that connections write, with
// something in them to fix, and in known_hosts something to keep.
func (h home) use() {
	h.Helper()
	h.setup(h.edit(map[config.Name]config.Target{"web": app, "pair": otherApp}))
	direct := filepath.Join(h.dir, directFile)
	err := sshconfig.RegisterDirect(direct, "app_direct.clever", "app_direct")
	text, errRead := os.ReadFile(direct)
	h.write(direct, string(text)+"# of somebody else's\n")
	h.write(filepath.Join(h.dir, knownHosts), "other.example ssh-ed25519 AAAA\nclever-ssh-clever ssh-ed25519 AAAA\n")
	h.write(filepath.Join(h.dir, knownHosts+".lock"), "")
	if err := errors.Join(err, errRead, os.Chmod(direct, 0o640)); err != nil {
		h.Fatal(err)
	}
}

// age turns the entries into those of an earlier version, which called the match file match.conf.
func (h home) age() {
	h.Helper()
	l := sshconfig.Layout{UserFile: h.userFile}
	text, err := os.ReadFile(l.ConfigFile())
	aged := strings.Replace(string(text), l.MatchFile()+`"`, l.OldMatchFile()+`"`, 1)
	if err := errors.Join(err, os.Rename(l.MatchFile(), l.OldMatchFile())); err != nil || aged == string(text) {
		h.Fatalf("%v\n%s", err, text)
	}
	h.write(l.ConfigFile(), aged)
}

// scenes are homes in which a command is stopped. own is the user's file after clever-ssh is
// removed, "" if there is none.
var scenes = []struct {
	title  string
	layOut func(h home)
	kind   commandKind
	run    func(h home) error
	own    string
}{
	{"setup in an empty home", func(home) {}, aSetup, setupOf("web"), ""},
	{"setup", home.layOutDotfiles, aSetup, setupOf("web"), ownConfig},
	{"setup of another name", func(h home) {
		h.layOutDotfiles()
		h.use()
	}, aSetup, setupOf("web2"), ownConfig},
	{"setup where the line is not the first any more", func(h home) {
		h.layOutDotfiles()
		h.setup(h.edit(map[config.Name]config.Target{"web": app}))
		h.write(filepath.Join(h.dir, linkedFile), "Include other/config\r\n"+h.includeLine()+"\r\n"+ownConfig)
	}, aSetup, setupOf("web2"), "Include other/config\r\n" + ownConfig},
	{"setup where the bridge's host key is spoiled", func(h home) {
		h.layOutDotfiles()
		h.use()
		h.write(filepath.Join(h.dir, bridgeKey), "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n")
	}, aSetup, setupOf("web"), ownConfig},
	{"setup where an earlier version wrote the entries", func(h home) {
		h.layOutDotfiles()
		h.use()
		h.age()
	}, aSetup, setupOf("web2"), ownConfig},
	{"remove a name", func(h home) {
		h.layOutDotfiles()
		h.use()
	}, aRemoval, func(home) error { return RemoveNames(config.DefaultSuffix, []string{"web"}) }, ownConfig},
	{"remove everything", func(h home) {
		h.layOutDotfiles()
		h.use()
	}, anUndo, func(home) error { return Undo() }, ownConfig},
	{"remove everything that there is", home.use, anUndo, func(home) error { return Undo() }, ""},
}

// commandKind is the kind of command that a scene stops.
type commandKind int

const (
	aSetup commandKind = iota
	aRemoval
	anUndo
)

// setupOf returns a setup that registers a name.
func setupOf(name config.Name) func(h home) error {
	return func(h home) error {
		return (&Request{Edit: h.edit(map[config.Name]config.Target{name: app})}).CarryOut()
	}
}

// includeLine is the line that setup adds.
func (h home) includeLine() string { return sshconfig.Layout{UserFile: h.userFile}.IncludeLine() }

// stopped is a scene whose command is stopped at each of its calls in turn.
type stopped struct {
	home
	kind          commandKind
	run           func() error
	own           string
	before, after tree // what the command finds, and what it makes of that
	gone          tree // what Undo makes of that

	ssh     string            // the real one
	foreign string            // what it must always print for another host
	asked   map[string]string // what it printed, by what there was to read
}

// eachScene lays out the scenes and runs a test in each.
func eachScene(t *testing.T, do func(s *stopped)) {
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	for _, scene := range scenes {
		t.Run(scene.title, func(t *testing.T) {
			h := newHome(t)
			h.withoutSSH() // the real one reads what the commands leave
			h.write(filepath.Join(h.bin, "plink"), "")
			if err := os.Chmod(filepath.Join(h.bin, "plink"), 0o700); err != nil { // so PuTTY's sessions are written
				t.Fatal(err)
			}
			s := &stopped{home: h, kind: scene.kind, run: func() error { return scene.run(h) }, own: scene.own, ssh: ssh, asked: map[string]string{}}
			scene.layOut(h)
			s.before, s.foreign = h.tree(), s.options()
			s.succeed("unstopped", s.run)
			s.after = h.tree()
			s.expectForeign("unstopped")
			switch {
			case s.kind == anUndo:
				s.expectOwn("unstopped", s.own)
			case s.own == "":
				s.expectOwn("unstopped", h.includeLine()+"\n")
			default:
				s.expectOwn("unstopped", h.includeLine()+"\r\n"+s.own)
			}
			s.succeed("unstopped, then undone", Undo)
			s.gone = h.tree()
			s.expectOwn("unstopped, then undone", s.own)
			do(s)
		})
	}
}

// succeed runs a command that must succeed.
func (s *stopped) succeed(about string, command func() error) {
	s.Helper()
	if err := command(); err != nil {
		s.Errorf("%s: %v", about, err)
	}
	if key := s.tree()[bridgeKey].Text; s.kind == aSetup && key != "" {
		s.expectBridgeKey(about)
	}
}

// expectBridgeKey fails unless the bridge has a valid host key, and a known_hosts that matches it.
func (s *stopped) expectBridgeKey(about string) {
	s.Helper()
	all := s.tree()
	want, err := sshconfig.BridgeKnownHosts([]byte(all[bridgeKey].Text))
	if err != nil {
		s.Errorf("%s: bridge_key: %v", about, err)
	} else if all[bridgeHosts].Text != string(want) {
		s.Errorf("%s: bridge_known_hosts is %q, want %q", about, all[bridgeHosts].Text, want)
	}
}

// inWords returns a home's files with words in place of the bridge's host key, which is different
// each time it is made.
func inWords(all tree) tree {
	key, err := sshconfig.ParseBridgeKey([]byte(all[bridgeKey].Text))
	if err != nil {
		return all
	}
	pinned, err := sshconfig.BridgeKnownHosts([]byte(all[bridgeKey].Text))
	if err != nil {
		return all
	}
	pin := ssh.FingerprintSHA256(key.PublicKey())
	words := tree{}
	for name, f := range all {
		switch {
		case name == bridgeKey:
			f.Text = "(a host key for the bridge)"
		case name == bridgeHosts:
			f.Text = strings.Replace(f.Text, string(pinned), "(its public halves)\n", 1)
		case strings.Contains(f.Text, pin): // the session of a run alias, which is sealed
			f.Text = seal.ReplaceAllString(strings.Replace(f.Text, pin, "(its fingerprint)", 1), "CleverSSH=(a seal)")
		}
		words[name] = f
	}
	return words
}

var seal = regexp.MustCompile(`(?m)^CleverSSH=[0-9a-f]{64}$`)

// options returns what the real ssh prints for another host.
func (s *stopped) options() string {
	s.Helper()
	var read strings.Builder
	all := s.tree()
	for _, name := range all.names() {
		if (strings.HasPrefix(name, "ssh/") || strings.HasPrefix(name, "dotfiles/")) && !isTemporary(name) {
			fmt.Fprintf(&read, "%s %q\n", name, all[name])
		}
	}
	if options, ok := s.asked[read.String()]; ok {
		return options
	}
	from := s.userFile
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		from = os.DevNull
	}
	cmd := exec.Command(s.ssh, "-F", from, "-G", "example.com")
	cmd.Env = []string{"HOME=" + s.dir, "SHELL=/bin/sh"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.Errorf("%v: %v\n%s", cmd.Args, err, &said)
	}
	s.asked[read.String()] = string(out)
	return string(out)
}

func (s *stopped) expectForeign(about string) {
	s.Helper()
	if diff := cmp.Diff(s.foreign, s.options()); diff != "" {
		s.Errorf("%s: ssh -G example.com: %s", about, diff)
	}
}

// expectOwn fails unless the user's file has this content, and its mode and link. "" means no file.
func (s *stopped) expectOwn(about, want string) {
	s.Helper()
	all := s.tree()
	f, mode := all[userFile], fs.FileMode(0o600)
	if s.own != "" {
		if link := (file{fs.ModeSymlink | 0o777, "../" + linkedFile}); f != link {
			s.Errorf("%s: the user's file is %v, want %v", about, f, link)
		}
		f, mode = all[linkedFile], 0o640
	}
	if want == "" {
		mode = 0
	}
	if is := (file{mode, want}); f != is {
		s.Errorf("%s: the user's file is %v, want %v", about, f, is)
	}
}

// expect fails unless the home is the same as a tree, whichever host key the bridge has.
func (s *stopped) expect(about string, want tree) {
	s.Helper()
	if diff := cmp.Diff(inWords(want), inWords(s.tree())); diff != "" {
		s.Errorf("%s: %s", about, diff)
	}
}

// isTemporary reports whether a file is one that the next run removes.
func isTemporary(name string) bool { return strings.HasPrefix(filepath.Base(name), ".clever-ssh-") }

// expectOldOrNew fails unless each file is either as before or as after. A half-fixed file counts
// as both.
func (s *stopped) expectOldOrNew(about string, after tree) {
	s.Helper()
	is := s.tree()
	for name, now := range is {
		was, inBefore := s.before[name]
		will, inAfter := after[name]
		switch {
		case inBefore && now == was, inAfter && now == will, isTemporary(name):
		case name == "settings/clever-cloud/clever-ssh.toml.lock":
		case name == directFile && now == privately(was):
		case strings.HasPrefix(name, "settings/clever-cloud") && now.Mode.IsDir(): // made for the lock
		default:
			s.Errorf("%s: %s is neither as before nor as after: %v", about, name, now)
		}
	}
	for name := range s.before {
		_, stays := after[name]
		if _, ok := is[name]; stays && !ok {
			s.Errorf("%s: %s is lost", about, name)
		}
	}
}

// privately returns a file with the mode that a repair gives it.
func privately(f file) file {
	f.Mode = atomicfile.Mode
	return f
}

// alike removes what a derived file says about folders: a process that was killed has made some,
// and they stay.
func alike(text string) string {
	return madeFolders.ReplaceAllString(strings.Replace(text, "no such folder", "no such file", 1), "")
}

var madeFolders = regexp.MustCompile(`(?m)^CleverSSH(Made)?=.*\n`)

// expectAlike compares the home with what the command leaves if it is not stopped. Extra empty
// folders do not matter.
func (s *stopped) expectAlike(about string, want tree) {
	s.Helper()
	normal := func(all tree) tree {
		n := tree{}
		for name, f := range inWords(all) {
			isEmpty := f.Mode.IsDir()
			for other, in := range all {
				isEmpty = isEmpty && (!strings.HasPrefix(other, name+"/") || in.Mode.IsDir())
			}
			if !isEmpty {
				f.Text = alike(f.Text)
				n[name] = f
			}
		}
		return n
	}
	if diff := cmp.Diff(normal(want), normal(s.tree())); diff != "" {
		s.Errorf("%s: %s", about, diff)
	}
}

// finish runs the command again, which must now succeed, and then removes everything.
func (s *stopped) finish(about string) {
	s.Helper()
	if err := s.run(); err != nil {
		// It had already done its work.
		if s.kind != aRemoval || !strings.Contains(err.Error(), `"web" is not a registered name`) {
			s.Errorf("%s: again: %v", about, err)
		}
	}
	s.expectAlike(about+": again", s.after)
	if s.kind == aSetup {
		s.expectBridgeKey(about + ": again")
	}
	s.expectForeign(about + ": again")
	if err := Undo(); err != nil {
		s.Errorf("%s: undone: %v", about, err)
	}
	s.expectAlike(about+": undone", s.gone)
	s.expectOwn(about+": undone", s.own)
}

// onCalls runs a command with atomicfile's Fault set, which is called before each call that changes
// the file system.
func onCalls(fault func(call, path string) error, command func() error) error {
	atomicfile.Fault = fault
	defer func() { atomicfile.Fault = nil }()
	return command()
}

// leastCalls is fewer than any of the commands makes: a test that sees fewer has tested nothing.
const leastCalls = 5

// Whichever call a command is killed at, the user's file is the old one or the new one, ssh works
// for other hosts as before, and the next run completes the work.
func TestKilled(t *testing.T) {
	eachScene(t, func(s *stopped) {
		type left struct {
			about string
			tree
		}
		var kills []left
		s.restore(s.before)
		calls := 0
		err := onCalls(func(call, path string) error {
			calls++
			now := left{"killed at " + call + " " + strings.TrimPrefix(path, s.dir), s.tree()}
			if len(kills) == 0 || !maps.Equal(kills[len(kills)-1].tree, now.tree) { // some calls change nothing visible
				kills = append(kills, now)
			}
			return nil
		}, s.run)
		if err != nil || calls < leastCalls {
			s.Fatalf("%d calls, %v", calls, err)
		}
		s.expect("not killed", s.after)
		after := s.tree()
		for _, left := range kills {
			s.restore(left.tree)
			s.expectOldOrNew(left.about, after)
			s.expectForeign(left.about)
			s.finish(left.about)
		}
	})
}

// Whichever call of a command fails, everything is as before, byte for byte, and the error says
// what failed. One thing is not restored: what Undo removes once nothing refers to it any more. The
// next run then completes the work.
func TestFaults(t *testing.T) {
	errs := []error{syscall.ENOSPC, syscall.EACCES, syscall.EROFS}
	eachScene(t, func(s *stopped) {
		for n := 1; ; n++ {
			fault, calls := errs[n%len(errs)], 0
			var call, path string
			s.restore(s.before)
			err := onCalls(func(c, p string) error {
				if calls++; calls != n {
					return nil
				}
				call, path = c, p
				return fault
			}, s.run)
			if call == "" {
				if err != nil || n <= leastCalls {
					s.Errorf("%d calls, %v", n-1, err)
				}
				s.expect("nothing failed", s.after)
				return
			}
			about := fmt.Sprintf("%v at call %d, %s %s", fault, n, call, strings.TrimPrefix(path, s.dir))
			if call == "rmdir" { // an extra empty folder does no harm
				if err != nil {
					s.Errorf("%s: %v", about, err)
				}
				s.expectAlike(about, s.after)
				continue
			}
			if !errors.Is(err, fault) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ": "+fault.Error()) {
				s.Errorf("%s: %v", about, err)
			}
			if s.kind == aSetup && (path == s.userFile || path == filepath.Join(s.dir, linkedFile)) {
				line := "put this line at its top yourself and run this again: " + s.includeLine()
				if hinted := strings.Contains(strings.Join(ui.Hints(err), "\n"), line); hinted != (fault != syscall.ENOSPC) {
					s.Errorf("%s: %q", about, ui.Hints(err))
				}
			}
			if s.kind != anUndo || err != nil && strings.Contains(err.Error(), "as they were") {
				want, is := tree{}, s.tree()
				for name, f := range s.before {
					if now := is[name]; (name == directFile || name == knownHosts) && (now == privately(f) || now == s.after[name]) {
						f = now // fixed first, and never undone
					}
					want[name] = f
				}
				s.expect(about, want)
				continue
			}
			s.expectOldOrNew(about, s.after)
			s.expectForeign(about)
			s.finish(about)
		}
	})
}
