package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
)

// stranger is a uid other than the tests'.
const stranger = 65534

// as makes another account run a command.
func as(uid uint32, cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Dir = "/"
	return cmd
}

// asksLine asks, in perl, for the status of the line at a socket, and prints what comes back.
const asksLine = `use Socket; $SIG{PIPE} = "IGNORE"; socket(S, PF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or exit 3;
syswrite(S, "s"); sysread(S, $x, 1000); print $x`

// Another account cannot use a line, even if the socket's folder lets it in, and nobody talks to a socket that
// it puts in the line's place.
func TestLineOfStranger(t *testing.T) {
	t.Parallel()
	test.NeedRoot(t)
	test.Need(t, "perl")
	l := linedHome(t)
	l.ready(t)
	socket := l.lines(t)[0]
	if out := runs(t, exec.Command("perl", "-e", asksLine, socket)); !strings.Contains(out, `"State":"ready"`) {
		t.Errorf("the line's own account reads %q", out)
	}
	asked := as(stranger, exec.Command("perl", "-e", asksLine, socket))
	if out, err := asked.CombinedOutput(); asked.ProcessState.ExitCode() != 3 {
		t.Errorf("another account reaches the socket: %v, %q", err, out)
	}
	run := filepath.Dir(socket)
	must(t, os.Chmod(l.dir, 0o755), os.Chmod(run, 0o755), os.Chmod(socket, 0o666))
	asked = as(stranger, exec.Command("perl", "-e", asksLine, socket))
	if out, err := asked.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("another account that can connect is told %q, %v", out, err)
	}
	must(t, os.Chmod(run, 0o700))
	l.close(t)

	// The other account's listener prints what it hears, and pretends to be a line that is ready.
	place := test.SocketFolder(t)
	must(t, os.Chown(place, stranger, stranger), os.Chmod(place, 0o755))
	theirs := filepath.Join(place, "s")
	listener := as(stranger, exec.Command("perl", "-e", `use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0) or die; bind(S, sockaddr_un($ARGV[0])) or die; listen(S, 9) or die;
$| = 1; print "listens\n"; while (accept(C, S)) { sysread(C, $x, 1) and print "heard $x\n"; close(C) }`, theirs))
	heard, err := os.Create(filepath.Join(l.tmp, "heard"))
	must(t, err)
	defer heard.Close()
	defer os.Remove(heard.Name())
	listener.Stdout = heard
	begun(t, listener)
	test.Eventually(t, "the other account listens", func() bool { return readFile(t, heard.Name()) != "" })
	must(t, os.Rename(theirs, socket))
	if out := runs(t, l.command("ssh", "web.clever", "echo yes")); out != "yes\n" {
		t.Errorf("%q", out)
	}
	l.ready(t)
	if said := readFile(t, heard.Name()); said != "listens\n" {
		t.Errorf("the other account's listener %q", said)
	}
}

// A file or folder in the outpost's place on an instance is not used unless it is as we leave it: not a file
// with other content, nor a folder that others can write to, or that leads elsewhere.
func TestPlantedOutpost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		root  bool
		plant func(t *testing.T, folder string)
	}{
		{"a file with another content", false, func(*testing.T, string) {}},
		{"a link to another file", false, func(t *testing.T, folder string) {
			name, _ := outpost(t)
			file := filepath.Join(folder, name)
			must(t, os.Rename(file, filepath.Join(filepath.Dir(folder), "elsewhere")), os.Symlink("../elsewhere", file))
		}},
		{"a folder that others can read", false, func(t *testing.T, folder string) { must(t, os.Chmod(folder, 0o755)) }},
		{"a link to a folder", false, func(t *testing.T, folder string) {
			must(t, os.Rename(folder, folder+".real"), os.Symlink(folder+".real", folder))
		}},
		{"another account's folder", true, func(t *testing.T, folder string) { must(t, os.Chown(folder, stranger, stranger)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.root {
				test.NeedRoot(t)
			}
			l := linedHome(t)
			marker := filepath.Join(l.tmp, "marker")
			name, _ := outpost(t)
			planted := filepath.Join(l.tmp, "planted") // an outpost that still runs cannot be written over, only replaced
			must(t, os.WriteFile(planted, []byte("#!/bin/sh\n>"+marker+"\necho ok\n"), 0o700), os.Rename(planted, filepath.Join(l.folder(), name)))
			c.plant(t, l.folder())
			l.ready(t)
			if out := runs(t, l.command("ssh", "web.clever", "echo yes")); out != "yes\n" {
				t.Errorf("%q", out)
			}
			if _, err := os.Stat(marker); !errors.Is(err, fs.ErrNotExist) {
				t.Error("what was planted was run")
			}
		})
	}
}
