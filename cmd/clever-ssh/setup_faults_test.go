//go:build linux

package main

import (
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

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
)

// use sets clever-ssh up and makes it look used: what connections write is there, with something to mend in it, and in
// known_hosts something that is to stay.
func use(t *testing.T, g *guest) {
	t.Helper()
	runs(t, g.command("clever-ssh", "setup", "web="+appWeb, "pair="+appPair))
	runs(t, g.command("ssh", "-G", "app_direct.clever"))
	direct, err := os.ReadFile(g.path(".ssh/clever/direct.conf"))
	must(t, err)
	g.write(t, ".ssh/clever/direct.conf", string(direct)+"# of somebody else's\n", 0o640)
	g.write(t, ".ssh/clever/known_hosts", "other.example ssh-ed25519 AAAA\nclever-ssh-clever ssh-ed25519 AAAA\n", 0o600)
	g.write(t, ".ssh/clever/known_hosts.lock", "", 0o600)
}

// scenes are homes with a command that is stopped there, and the user's file as it is when clever-ssh has gone
// again, "" where there is to be none.
var scenes = []struct {
	name   string
	layOut func(t *testing.T, g *guest)
	args   []string
	config string // in the home
	own    string
}{
	{"setup in an empty home", func(*testing.T, *guest) {}, []string{"setup", "web=" + appWeb}, ".ssh/config", ""},
	{"setup", layOutDotfiles, []string{"setup", "web=" + appWeb}, ".ssh/config", ownConfig},
	{"setup of another name", func(t *testing.T, g *guest) {
		layOutDotfiles(t, g)
		use(t, g)
	}, []string{"setup", "web2=" + appPair}, ".ssh/config", ownConfig},
	{"setup where the line is not the first any more", func(t *testing.T, g *guest) {
		layOutDotfiles(t, g)
		runs(t, g.command("clever-ssh", "setup", "web="+appWeb))
		g.write(t, "dotfiles/ssh_config", "Include other/config\r\nInclude clever/config\r\n"+ownConfig, 0o640)
	}, []string{"setup", "web2=" + appPair}, ".ssh/config", "Include other/config\r\n" + ownConfig},
	{"setup where the bridge's host key is spoiled", func(t *testing.T, g *guest) {
		layOutDotfiles(t, g)
		use(t, g)
		g.write(t, ".ssh/clever/bridge_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n", 0o600)
	}, []string{"setup", "web=" + appWeb}, ".ssh/config", ownConfig},
	{"remove a name", func(t *testing.T, g *guest) {
		layOutDotfiles(t, g)
		use(t, g)
	}, []string{"remove", "web"}, ".ssh/config", ownConfig},
	{"remove everything", func(t *testing.T, g *guest) {
		layOutDotfiles(t, g)
		use(t, g)
	}, []string{"remove", "--all"}, ".ssh/config", ownConfig},
	{"remove everything that there is", use, []string{"remove", "--all"}, ".ssh/config", ""},
	{"remove everything elsewhere", func(t *testing.T, g *guest) {
		g.write(t, "elsewhere/ssh_config", ownConfig, 0o640)
		runs(t, g.command("clever-ssh", "setup", "--ssh-config", g.path("elsewhere/ssh_config"), "web="+appWeb))
	}, []string{"remove", "--all"}, "elsewhere/ssh_config", ownConfig},
}

// leastSteps is less than any of the commands takes: a test that saw fewer saw nothing.
const leastSteps = 5

// stopped is a scene whose command is stopped at each of its steps, one after the other.
type stopped struct {
	*guest
	args          []string
	config, own   string
	restore       func()
	foreign       string            // what ssh makes of another host, all the time
	before, after map[string]string // what the command finds, and what it makes of that
	gone          map[string]string // what remove --all makes of that
	newKey        bool              // whether it finds no good host key for the bridge: then it makes one, another each time
}

// eachScene lays out the scenes and runs a test in each.
func eachScene(t *testing.T, test func(t *testing.T, s *stopped)) {
	g := newGuest(t, "home")
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			s := &stopped{guest: g, args: scene.args, config: scene.config, own: scene.own}
			g.empty(t)
			scene.layOut(t, g)
			s.restore, s.before, s.foreign = s.save(t), s.tree(t), s.options(t, "example.com")
			s.newKey = checkBridgeKey(s.bridgeFiles(t)) != nil
			runs(t, s.command("clever-ssh", s.args...))
			s.after = s.tree(t)
			if s.args[0] == "setup" {
				s.expectBridgeKey(t, "unstopped")
			}
			s.expectForeign(t, "unstopped")
			switch {
			case slices.Contains(s.args, "--all"):
				s.expectOwn(t, "unstopped", s.own)
			case s.own == "":
				s.expectOwn(t, "unstopped", "Include clever/config\n")
			default:
				s.expectOwn(t, "unstopped", "Include clever/config\r\n"+s.own)
			}
			runs(t, s.command("clever-ssh", "remove", "--all"))
			s.gone = s.tree(t)
			s.expectOwn(t, "unstopped, then remove --all", s.own)
			test(t, s)
		})
	}
}

// tree is what the guest's home holds, where the command makes a host key for the bridge with the key in words.
func (s *stopped) tree(t *testing.T) map[string]string {
	t.Helper()
	tree := s.guest.tree(t)
	if !s.newKey {
		return tree
	}
	text := func(file string) string { // behind mode and owner
		if parts := strings.SplitN(file, " ", 3); len(parts) == 3 {
			return parts[2]
		}
		return ""
	}
	key := text(tree[".ssh/clever/bridge_key"])
	for name, file := range tree {
		if is := text(file); is != "" {
			tree[name] = strings.TrimSuffix(file, is) + withoutBridgeKey(is, key)
		}
	}
	return tree
}

// expect fails unless the home is as a tree tells.
func (s *stopped) expect(t *testing.T, about string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, s.tree(t)); diff != "" {
		t.Errorf("%s: %s", about, diff)
	}
}

// bridgeFiles are the bridge's host key and its known_hosts; "" where there is none.
func (s *stopped) bridgeFiles(t *testing.T) (key, knownHosts string) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.path(s.config)), "clever", name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return string(text)
	}
	return read("bridge_key"), read("bridge_known_hosts")
}

// expectBridgeKey fails unless there is a good host key for the bridge, and a known_hosts that fits it.
func (s *stopped) expectBridgeKey(t *testing.T, about string) {
	t.Helper()
	if err := checkBridgeKey(s.bridgeFiles(t)); err != nil {
		t.Errorf("%s: %v", about, err)
	}
}

// options is what ssh makes of a host, for the account and the user's file.
func (s *stopped) options(t *testing.T, host string) string {
	t.Helper()
	if s.config == ".ssh/config" {
		return s.guest.options(t, host)
	}
	return s.guest.options(t, "-F", s.path(s.config), host)
}

func (s *stopped) expectForeign(t *testing.T, about string) {
	t.Helper()
	if diff := cmp.Diff(s.foreign, s.options(t, "example.com")); diff != "" {
		t.Errorf("%s: ssh -G example.com: %s", about, diff)
	}
}

// expectOwn fails unless the user's file has a content, its mode and its link; "" is for no file.
func (s *stopped) expectOwn(t *testing.T, about, want string) {
	t.Helper()
	mode := fs.FileMode(0o640)
	if s.own == "" {
		mode = 0o600
	}
	path := s.path(s.config)
	text, err := os.ReadFile(path)
	if (err != nil && !errors.Is(err, fs.ErrNotExist)) || (err == nil) != (want != "") || string(text) != want {
		t.Errorf("%s: the user's file: %v\n%q, want\n%q", about, err, text, want)
	} else if info, err := os.Stat(path); want != "" && (err != nil || info.Mode() != mode) {
		t.Errorf("%s: the user's file has mode %v, error %v", about, info.Mode(), err)
	}
	if _, err := os.Lstat(s.path("dotfiles")); err == nil {
		if to, err := os.Readlink(path); err != nil || to != "../dotfiles/ssh_config" {
			t.Errorf("%s: the user's file is a link to %q, error %v", about, to, err)
		}
	}
}

// at starts from the scene and runs the command with a fault at a step. It tells which call that was; none if the command
// has fewer.
func (s *stopped) at(t *testing.T, kind string, n int) (cmd *exec.Cmd, said, call, path string) {
	t.Helper()
	s.restore()
	fired := filepath.Join(s.base, "fired")
	must(t, os.WriteFile(fired, nil, 0o600), os.Chown(fired, s.uid, s.gid))
	cmd = s.command("clever-ssh", s.args...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s %d %s", faultVariable, kind, n, fired))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(fired)
	must(t, err)
	call, path, _ = strings.Cut(string(text), " ")
	if call == "" && (!cmd.ProcessState.Success() || n <= leastSteps) {
		t.Errorf("%v: %v after %d steps\n%s", s.args, cmd.ProcessState, n-1, out)
	}
	return cmd, string(out), call, path
}

// isTemporary tells whether a file is one that the next run clears away.
func isTemporary(name string) bool { return strings.HasPrefix(filepath.Base(name), ".clever-ssh-") }

// expectOldOrNew fails unless each file is as it was or as it is to be. What is half mended counts as both.
func (s *stopped) expectOldOrNew(t *testing.T, about string) {
	t.Helper()
	is := s.tree(t)
	for name, now := range is {
		was, inBefore := s.before[name]
		will, inAfter := s.after[name]
		switch {
		case (inBefore && now == was) || (inAfter && now == will) || isTemporary(name):
		case name == ".config/clever-cloud/clever-ssh.toml.lock":
		case name == ".ssh/clever/direct.conf" && now == chmodded(was):
		case s.newKey && inAfter && withoutAnyBridgeKey(now) == will: // a PuTTY session, which is written before the key
		case name == ".ssh/clever/config" && alike(now) == alike(will): // setup found the folder that a killed one had made
		default:
			t.Errorf("%s: %s is neither as before nor as after: %s", about, name, now)
		}
	}
	for name := range s.before {
		if _, stays := s.after[name]; !stays {
			continue
		}
		if _, ok := is[name]; !ok {
			t.Errorf("%s: %s is lost", about, name)
		}
	}
}

// chmodded is a file of a tree with the mode that prepare gives it.
func chmodded(file string) string { return strings.Replace(file, "-rw-r-----", "-rw-------", 1) }

// alike is a derived file whatever it says of the folders: a process that was killed has made some, and they stay.
func alike(file string) string {
	return madeFolders.ReplaceAllString(strings.Replace(file, "no such folder", "no such file", 1), "")
}

var madeFolders = regexp.MustCompile(`(?m)^((?:\S+ \d+:\d+ )?)CleverSSH(Made)?=.*\n`)

// expectAlike compares the home with a tree that a process left which was not killed: an empty folder more is no matter.
func (s *stopped) expectAlike(t *testing.T, about string, want map[string]string) {
	t.Helper()
	normal := func(tree map[string]string) map[string]string {
		n := map[string]string{}
		for name, file := range tree {
			isEmpty := strings.HasPrefix(file, "d")
			for other, in := range tree {
				isEmpty = isEmpty && (!strings.HasPrefix(other, name+"/") || strings.HasPrefix(in, "d"))
			}
			if !isEmpty {
				n[name] = alike(file)
			}
		}
		return n
	}
	if diff := cmp.Diff(normal(want), normal(s.tree(t))); diff != "" {
		t.Errorf("%s: %s", about, diff)
	}
}

// finish runs the command again, which now succeeds, and then takes everything out.
func (s *stopped) finish(t *testing.T, about string) {
	t.Helper()
	if out, err := s.command("clever-ssh", s.args...).CombinedOutput(); err != nil {
		// It had done all that it was to do.
		if s.args[0] != "remove" || !strings.Contains(string(out), `unknown alias "web.clever"`) {
			t.Errorf("%s: again: %v\n%s", about, err, out)
		}
	}
	s.expectAlike(t, about+": again", s.after)
	if s.args[0] == "setup" {
		s.expectBridgeKey(t, about+": again")
	}
	s.expectForeign(t, about+": again")
	if out, err := s.command("clever-ssh", "remove", "--all").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: remove --all: %v\n%s", about, err, out)
	}
	s.expectAlike(t, about+": remove --all", s.gone)
	s.expectOwn(t, about+": remove --all", s.own)
}

// At whichever step a command is killed, the user's file is the old one or the new one, ssh works for other hosts as
// before, and the next run makes up for it.
func TestKilled(t *testing.T) {
	t.Parallel()
	eachScene(t, func(t *testing.T, s *stopped) {
		for n := 1; ; n++ {
			cmd, said, call, path := s.at(t, "kill", n)
			if call == "" {
				s.expect(t, "not killed", s.after)
				return
			}
			about := fmt.Sprintf("killed at step %d, %s %s", n, call, path)
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s: %v\n%s", about, cmd.ProcessState, said)
			}
			s.expectOldOrNew(t, about)
			s.expectForeign(t, about)
			s.finish(t, about)
		}
	})
}

// Whichever step of a command fails, all is as before, byte for byte, and the message tells what failed. Only what remove
// --all takes away when nothing refers to it any more is not brought back; then the next run makes up for it.
func TestFaults(t *testing.T) {
	t.Parallel()
	errs := []string{"ENOSPC", "EACCES", "EROFS"}
	eachScene(t, func(t *testing.T, s *stopped) {
		for n := 1; ; n++ {
			kind := errs[n%len(errs)]
			cmd, said, call, path := s.at(t, kind, n)
			if call == "" {
				s.expect(t, "nothing failed", s.after)
				return
			}
			about := fmt.Sprintf("%s at step %d, %s %s", kind, n, call, path)
			if call == "rmdir" { // an empty folder too many harms nobody
				if !cmd.ProcessState.Success() {
					t.Errorf("%s: %v\n%s", about, cmd.ProcessState, said)
				}
				s.expectAlike(t, about, s.after)
				continue
			}
			told := "clever-ssh: .*" + regexp.QuoteMeta(path) + ".*: " + regexp.QuoteMeta(faultErrors[kind].Error())
			if cmd.ProcessState.ExitCode() != 1 || !regexp.MustCompile(told).MatchString(said) {
				t.Errorf("%s: %v\n%s", about, cmd.ProcessState, said)
			}
			if isUsers := path == s.path("dotfiles/ssh_config") || path == s.path(s.config); isUsers && s.args[0] == "setup" {
				line := "put this line at its top yourself and run this again: Include clever/config\n"
				if strings.Contains(said, line) != (kind != "ENOSPC") {
					t.Errorf("%s: %s", about, said)
				}
			}
			if strings.Contains(said, "as they were") || !slices.Equal(s.args, []string{"remove", "--all"}) {
				want, is := maps.Clone(s.before), s.tree(t)
				for _, mended := range []string{".ssh/clever/direct.conf", ".ssh/clever/known_hosts"} { // first of all, and for good
					if now, ok := is[mended]; ok && (now == chmodded(s.before[mended]) || now == s.after[mended]) {
						want[mended] = now
					}
				}
				s.expect(t, about, want)
				continue
			}
			s.expectOldOrNew(t, about)
			s.expectForeign(t, about)
			s.finish(t, about)
		}
	})
}

// smallDisk mounts a file system of 16 pages as the account's ~/.ssh.
func smallDisk(t *testing.T, g *guest) {
	t.Helper()
	g.mkdir(t, ".ssh")
	dir := g.path(".ssh")
	options := fmt.Sprintf("mode=0700,uid=%d,gid=%d,size=%d", g.uid, g.gid, 16*os.Getpagesize())
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); errors.Is(err, syscall.EPERM) {
		test.Missing(t, "the right to mount a file system")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
}

// fill takes all space of a disk but some pages.
func fill(t *testing.T, path string, but int) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	page, size := make([]byte, os.Getpagesize()), int64(0)
	for err == nil {
		var n int
		n, err = f.Write(page)
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, f.Truncate(size-int64(but*len(page))))
}

// Whichever file does not fit on a full disk, setup names it and leaves no trace, and with space it succeeds.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	smallDisk(t, g)
	g.write(t, ".ssh/config", ownConfig, 0o640)
	full := []string{".ssh/clever/bridge_key", ".ssh/clever/bridge_known_hosts", ".ssh/clever/match.conf", ".ssh/clever/config", ".ssh/config"}
	for pages, name := range full { // each takes one
		fill(t, g.path(".ssh/full"), pages)
		before := g.tree(t)
		said := fails(t, g.command("clever-ssh", "setup", "web="+appWeb))
		if want := "clever-ssh: writing " + g.path(name) + ": "; !strings.HasPrefix(said, want) ||
			!strings.Contains(said, ": no space left on device; your files are as they were\n") {
			t.Errorf("with %d pages: %s", pages, said)
		}
		g.expect(t, fmt.Sprintf("with %d pages", pages), before)
	}
	fill(t, g.path(".ssh/full"), len(full))
	runs(t, g.command("clever-ssh", "setup", "web="+appWeb))
	if !strings.Contains(g.options(t, "web.clever"), "\nremotecommand "+appWeb+"\n") {
		t.Error("setup with space left has no effect")
	}
	must(t, os.Remove(g.path(".ssh/full")))

	// It is as well full when a name comes, and when everything goes.
	fill(t, g.path(".ssh/full"), 0)
	before := g.tree(t)
	for _, args := range [][]string{{"setup", "pair=" + appPair}, {"remove", "web"}, {"remove", "--all"}} {
		if said := fails(t, g.command("clever-ssh", args...)); !strings.Contains(said, ": no space left on device") {
			t.Errorf("%v: %s", args, said)
		}
		g.expect(t, fmt.Sprint(args), before)
	}
	must(t, os.Remove(g.path(".ssh/full")))
	runs(t, g.command("clever-ssh", "remove", "--all"))
	if text, err := os.ReadFile(g.path(".ssh/config")); err != nil || string(text) != ownConfig {
		t.Errorf("after remove --all: %v\n%q", err, text)
	}
}
