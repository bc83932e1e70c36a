package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/sys/unix"
)

// lined is a home whose alias web.clever can have a line to an outpost, on an instance of the fake gateway.
type lined struct {
	*home
	gateway  *gateway.Gateway
	instance string // the home folder on the instance
	tmp      string // the home's folder for temporary files
}

// linedHome returns a lined home without a line yet.
func linedHome(t *testing.T) *lined {
	t.Helper()
	needOutposts(t)
	h := homeIn(t, test.SocketFolder(t)) // a line's socket in a longer one would have no room
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	l := &lined{home: h, gateway: g, tmp: test.SocketFolder(t)}
	h.env = append(h.env, "TMPDIR="+l.tmp)
	l.instance = strings.TrimSpace(runs(t, h.command("ssh", "web.clever", "echo $HOME")))
	l.close(t)
	// The outpost lies in a folder that no other test uses.
	name, program := outpost(t)
	must(t, os.MkdirAll(l.folder(), 0o700), os.WriteFile(filepath.Join(l.folder(), name), program, 0o700))
	return l
}

// close ends the home's lines.
func (l *lined) close(t *testing.T) {
	t.Helper()
	runs(t, l.command("clever-ssh", "close"))
}

// ready waits for the outpost of web.clever.
func (h *home) ready(t *testing.T) {
	t.Helper()
	runs(t, h.command("ssh", "web.clever", "true"))
	var last line.Status
	test.Eventually(t, "the outpost is there", func() bool {
		for _, socket := range h.lines(t) {
			if s, err := line.AskStatus(socket); err == nil {
				if last = s; s.State == line.Failed {
					t.Fatalf("there is no outpost: %s", s.Reason)
				}
			}
		}
		return last.State == line.Ready
	})
}

// lines returns the sockets of the home's lines.
func (h *home) lines(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(h.dir, "run", "*"+line.Suffix))
	must(t, err)
	return list
}

// folder returns the outpost's own folder on the instance.
func (l *lined) folder() string {
	return filepath.Join(l.instance, ".cache", fmt.Sprintf(".clever-ssh-%d", os.Getuid()))
}

// processes returns the processes whose arguments pass a test.
func processes(t *testing.T, is func(pid int, args []string) bool) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	must(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if args := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"); err == nil && len(text) > 0 && is(pid, args) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// keepers returns the processes that keep the home's lines.
func (l *lined) keepers(t *testing.T) []int {
	return processes(t, func(pid int, args []string) bool {
		return len(args) == 2 && filepath.Base(args[0]) == "clever-ssh" && args[1] == "line" && ofHome(pid, l.home)
	})
}

// bridges returns the home's bridges.
func (l *lined) bridges(t *testing.T) []int {
	return processes(t, func(pid int, args []string) bool {
		return len(args) > 1 && filepath.Base(args[0]) == "clever-ssh" && args[1] == "bridge" && ofHome(pid, l.home)
	})
}

// masters returns the ssh processes that keep the home's shared connections.
func (l *lined) masters(t *testing.T) []int {
	return processes(t, func(pid int, args []string) bool {
		return filepath.Base(args[0]) == "ssh" && slices.Contains(args, "ControlMaster=auto") && ofHome(pid, l.home)
	})
}

// sessions returns the ssh processes started by the processes that keep lines.
func (l *lined) sessions(t *testing.T) []int {
	keepers := l.keepers(t)
	return processes(t, func(pid int, args []string) bool {
		return filepath.Base(args[0]) == "ssh" && len(keepers) > 0 && parentOf(pid) == keepers[0]
	})
}

func parentOf(pid int) (parent int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if at := bytes.LastIndexByte(stat, ')'); at >= 0 {
		var state string
		fmt.Sscan(string(stat[at+1:]), &state, &parent)
	}
	return parent
}

// outposts returns the outposts on the instance.
func (l *lined) outposts(t *testing.T) []int {
	return processes(t, func(_ int, args []string) bool { return len(args) > 1 && args[1] == l.folder() })
}

// only returns the one process of a list with one.
func only(t *testing.T, what string, pids []int) int {
	t.Helper()
	if len(pids) != 1 {
		t.Fatalf("%s: %v, want one", what, pids)
	}
	return pids[0]
}

// expectNothing waits until nothing of the home's is running here or on the instance, and looks for leftovers
// in folders.
func (l *lined) expectNothing(t *testing.T) {
	t.Helper()
	var left []int
	test.Eventually(t, "all processes have ended", func() bool {
		left = processes(t, func(pid int, args []string) bool {
			env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			return err == nil && (bytes.Contains(env, []byte("HOME="+l.dir+"\x00")) || bytes.Contains(env, []byte("HOME="+l.instance+"\x00")))
		})
		return len(left) == 0
	})
	program, _ := outpost(t)
	for folder, may := range map[string]func(string) bool{
		filepath.Join(l.dir, "run"): func(string) bool { return false },
		l.tmp:                       func(string) bool { return false },
		l.folder():                  func(name string) bool { return name == program },
	} {
		entries, err := os.ReadDir(folder)
		must(t, err)
		for _, e := range entries {
			if !may(e.Name()) {
				t.Errorf("%s is left in %s", e.Name(), folder)
			}
		}
	}
}

// outpost returns the outpost for this machine, and the name of its file: the hash.
func outpost(t *testing.T) (name string, program []byte) {
	t.Helper()
	var system unix.Utsname
	must(t, unix.Uname(&system))
	o := line.Programs()[unix.ByteSliceToString(system.Machine[:])]
	return o.Hash, unpacked(t, o)
}

func unpacked(t *testing.T, o bridge.Program) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(o.Gzip))
	must(t, err)
	program, err := io.ReadAll(r)
	must(t, err)
	return program
}

// The outposts that a program carries are named by their true hashes.
func TestOutpostHashes(t *testing.T) {
	needOutposts(t)
	if n := len(line.Programs()); n != 2 {
		t.Errorf("the program carries %d outposts", n)
	}
	for machine, o := range line.Programs() {
		if hash := fmt.Sprintf("%x", sha256.Sum256(unpacked(t, o))); hash != o.Hash {
			t.Errorf("%s: the name says %s, the contents %s", machine, o.Hash, hash)
		}
	}
}

// If several commands are the first at the same time, one of them makes the line. Everything later uses it: ten
// bridges, and the user's own shared connection.
func TestOneLine(t *testing.T) {
	t.Parallel()
	l := linedHome(t)
	together := func(n int, word string) {
		var work sync.WaitGroup
		for range n {
			work.Go(func() {
				out, err := l.command("ssh", "web.clever", "echo "+word).CombinedOutput()
				if err != nil || string(out) != word+"\n" {
					t.Errorf("%s: %v, %q", word, err, out)
				}
			})
		}
		work.Wait()
	}
	together(2, "first")
	l.ready(t)
	keeper, outpost := only(t, "processes that keep a line", l.keepers(t)), only(t, "outposts", l.outposts(t))
	together(10, "later")
	own := []string{"-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", "ControlPath=" + filepath.Join(l.tmp, "own"), "web.clever"}
	for i := range 3 {
		if out := runs(t, l.command("ssh", append(own, "echo own; exec echo done")...)); out != "own\ndone\n" {
			t.Errorf("command %d over the user's connection: %q", i, out)
		}
	}
	runs(t, l.command("ssh", append([]string{"-O", "exit"}, own...)...))
	if only(t, "processes that keep a line", l.keepers(t)) != keeper || only(t, "outposts", l.outposts(t)) != outpost {
		t.Error("the line is another one")
	}
	l.close(t)
	l.expectNothing(t)
}

// Whichever process is killed, the running commands end, nothing of them stays, and the next one works.
func TestLineKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		victim string
		find   func(*lined, *testing.T) []int
		says   string // by the ssh whose command ran; a regular expression
	}{
		{"the process that keeps the line", (*lined).keepers, broken},
		{"its ssh", (*lined).sessions, broken},
		{"the shared connection", (*lined).masters, broken},
		{"the outpost", (*lined).outposts, broken},
		{"the bridge", (*lined).bridges, `^((Connection closed by UNKNOWN port 65535|Connection to clever-ssh-bridge closed by remote host\.|client_loop: send disconnect: Broken pipe)\r?\n)+$`},
		{"ssh", nil, "^$"},
	} {
		t.Run(c.victim, func(t *testing.T) {
			t.Parallel()
			l := linedHome(t)
			l.ready(t)
			cmd := l.command("ssh", "web.clever", "echo $$; exec sleep 1000")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.StdoutPipe()
			must(t, err, cmd.Start())
			var far int
			if _, err := fmt.Fscanln(out, &far); err != nil {
				t.Fatal(err)
			}
			if parent := parentOf(far); parent != only(t, "outposts", l.outposts(t)) {
				t.Fatalf("the command is one of process %d, not of the outpost", parent)
			}
			victim := cmd.Process.Pid
			if c.find != nil {
				// For a moment, what a process starts looks like the process itself.
				test.Eventually(t, "there is one of "+c.victim, func() bool {
					found := c.find(l, t)
					if len(found) == 1 {
						victim = found[0]
					}
					return len(found) == 1
				})
			}
			must(t, syscall.Kill(victim, syscall.SIGKILL))
			cmd.Wait()
			if status := cmd.ProcessState.ExitCode(); c.find != nil && status != 255 {
				t.Errorf("exit status %d", status)
			}
			if !matches(c.says, stderr.String()) {
				t.Errorf("it says %q, want %q", stderr.String(), c.says)
			}
			test.Eventually(t, "the command on the instance has ended", func() bool { return syscall.Kill(far, 0) == syscall.ESRCH })
			if out := runs(t, l.command("ssh", "web.clever", "echo again")); out != "again\n" {
				t.Errorf("%q", out)
			}
			l.ready(t)
			l.close(t)
			if c.victim == "the bridge" {
				// It may have been reading the list of instances, and then leaves the back channel of that ssh,
				// as ever.
				left, _ := filepath.Glob(filepath.Join(l.tmp, "clever-ssh-*"))
				for _, folder := range left {
					os.RemoveAll(folder)
				}
			}
			l.expectNothing(t)
		})
	}
}

// broken is the message for a line that breaks.
const broken = `^clever-ssh: the connection to the instance ended, and the command may have done part of its work\r?\nhint: check what the command has done before you run it again\r?\n$`

// begun starts a command, which ends with its test.
func begun(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}
