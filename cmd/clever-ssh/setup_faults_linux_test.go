//go:build linux

package main

import (
	"errors"
	"fmt"
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

// The tests of package setup stop setup and remove at each of their calls, in many homes. Here the
// program itself is stopped, as run by an account of this machine, at the last call of each kind:
// by then there is the most to undo or to finish later.

// stopped is an account's home in which a command is stopped.
type stopped struct {
	*guest
	args    []string
	restore func()
	foreign string // what ssh -G must print for another host at all times
	calls   []string
}

// newStopped makes a home with the user's own file. If before is given, that command runs there
// before the one that is to be stopped.
func newStopped(t *testing.T, before []string, args ...string) *stopped {
	t.Helper()
	s := &stopped{guest: newGuest(t, "home"), args: args}
	self, err := os.Executable() // this program, unlike the released one, can be made to fail
	program := filepath.Join(s.base, "bin", "clever-ssh")
	must(t, err, os.Remove(program), copyProgram(self, program))
	layOutDotfiles(t, s.guest)
	s.foreign = s.options(t, "example.com")
	if before != nil {
		runs(t, s.command("clever-ssh", before...))
	}
	s.restore = s.save(t)
	cmd, said := s.at(t, "none", 0)
	if !cmd.ProcessState.Success() || len(s.calls) < leastCalls {
		t.Fatalf("%v: %v\n%s\nafter the calls %q", s.args, cmd.ProcessState, said, s.calls)
	}
	return s
}

// leastCalls is fewer than any of the commands makes: a test that sees fewer has tested nothing.
const leastCalls = 5

// at restores the home and runs the command with a fault at a call. It keeps the list of calls,
// which ends with that one.
func (s *stopped) at(t *testing.T, kind string, n int) (cmd *exec.Cmd, said string) {
	t.Helper()
	s.restore()
	file := filepath.Join(s.base, "calls")
	must(t, os.WriteFile(file, nil, 0o600), os.Chown(file, s.uid, s.gid))
	cmd = s.command("clever-ssh", s.args...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s %d %s", faultVariable, kind, n, file))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	s.calls = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	return cmd, string(out)
}

// lasts returns the number of the last call of each kind.
func (s *stopped) lasts() (numbers []int) {
	seen := map[string]bool{}
	for i, line := range slices.Backward(s.calls) {
		if call, _, _ := strings.Cut(line, " "); !seen[call] {
			seen[call] = true
			numbers = append(numbers, i+1)
		}
	}
	return numbers
}

// finish runs the command again, which must now succeed, and then removes everything.
func (s *stopped) finish(t *testing.T, about string) {
	t.Helper()
	for _, args := range [][]string{s.args, {"remove", "--all"}} {
		if out, err := s.command("clever-ssh", args...).CombinedOutput(); err != nil {
			t.Errorf("%s: then %v: %v\n%s", about, args, err, out)
		}
		s.expectForeign(t, fmt.Sprintf("%s: then %v", about, args))
		if args[0] == "setup" {
			expectWeb(t, s.guest)
		}
	}
	all := test.Tree(t, s.home)
	if want := fmt.Sprintf("-rw-r----- %d:%d %s", s.uid, s.gid, ownConfig); all["dotfiles/ssh_config"] != want || !strings.HasSuffix(all[".ssh/config"], " ../dotfiles/ssh_config") {
		t.Errorf("%s: the user's file is %s, and the link to it %s", about, all["dotfiles/ssh_config"], all[".ssh/config"])
	}
	for name := range all {
		if strings.Contains(name, ".clever-ssh-") || strings.HasPrefix(name, ".ssh/clever/") {
			t.Errorf("%s: %s is left behind", about, name)
		}
	}
}

func (s *stopped) expectForeign(t *testing.T, about string) {
	t.Helper()
	if diff := cmp.Diff(s.foreign, s.options(t, "example.com")); diff != "" {
		t.Errorf("%s: ssh -G example.com: %s", about, diff)
	}
}

// Whichever kind of call the program is killed at, ssh works for other hosts as before, and the
// next run completes the work.
func TestKilled(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct{ before, args []string }{
		"setup":      {nil, []string{"setup", "web=" + appWeb}},
		"remove all": {[]string{"setup", "web=" + appWeb}, []string{"remove", "--all"}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s := newStopped(t, c.before, c.args...)
			for _, n := range s.lasts() {
				cmd, said := s.at(t, "kill", n)
				about := fmt.Sprintf("killed at call %d, %s", n, s.calls[len(s.calls)-1])
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
					t.Fatalf("%s: %v\n%s", about, cmd.ProcessState, said)
				}
				s.expectForeign(t, about)
				s.finish(t, about)
			}
		})
	}
}

// Whichever kind of call fails, the message says what failed, and everything is as before, byte for
// byte.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := newStopped(t, nil, "setup", "web="+appWeb)
	s.restore()
	before, errs := test.Tree(t, s.home), []string{"ENOSPC", "EACCES", "EROFS"}
	for i, n := range s.lasts() {
		kind := errs[i%len(errs)]
		cmd, said := s.at(t, kind, n)
		call, path, _ := strings.Cut(s.calls[len(s.calls)-1], " ")
		if call == "rmdir" { // an extra empty folder does no harm
			continue
		}
		about := fmt.Sprintf("%s at call %d, %s %s", kind, n, call, path)
		told := "clever-ssh: .*" + regexp.QuoteMeta(path) + ".*: " + regexp.QuoteMeta(faultErrors[kind].Error())
		if cmd.ProcessState.ExitCode() != 1 || !matches(told, said) {
			t.Errorf("%s: %v\n%s", about, cmd.ProcessState, said)
		}
		s.expect(t, about, before)
	}
	s.finish(t, "after the faults")
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

// Whichever file does not fit on a full disk, setup names it and changes nothing. With enough
// space, it succeeds.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	smallDisk(t, g)
	g.write(t, ".ssh/config", ownConfig, 0o640)
	full := []string{".ssh/clever/bridge_key", ".ssh/clever/bridge_known_hosts", ".ssh/clever/match", ".ssh/clever/config", ".ssh/config"}
	for pages, name := range full { // each takes one page
		test.FillDisk(t, g.path(".ssh/full"), pages)
		before := test.Tree(t, g.home)
		said := fails(t, g.command("clever-ssh", "setup", "web="+appWeb))
		if want := "clever-ssh: writing " + g.path(name) + ": "; !strings.HasPrefix(said, want) ||
			!strings.Contains(said, ": no space left on device; your files are as they were\n") {
			t.Errorf("with %d pages: %s", pages, said)
		}
		g.expect(t, fmt.Sprintf("with %d pages", pages), before)
	}
	test.FillDisk(t, g.path(".ssh/full"), len(full))
	runs(t, g.command("clever-ssh", "setup", "web="+appWeb))
	if !strings.Contains(g.options(t, "web.clever"), "\nremotecommand "+appWeb+"\n") {
		t.Error("setup with space left has no effect")
	}
	must(t, os.Remove(g.path(".ssh/full")))

	// The disk may also be full when a name is added or removed, or when everything is removed.
	test.FillDisk(t, g.path(".ssh/full"), 0)
	before := test.Tree(t, g.home)
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
