package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// bareHome returns a home whose instance holds only BusyBox, in another root. prepare runs in a shell before
// each session begins.
func bareHome(t *testing.T, prepare string) (h *home, root string) {
	t.Helper()
	needOutposts(t)
	root = test.BusyboxRoot(t)
	test.Need(t, "unshare")
	h = homeIn(t, test.SocketFolder(t))
	s := startSSHDWith(t, h, fmt.Sprintf("#!/bin/sh\nroot=%s; export root\nexec unshare -m sh -ec '%s\nexec chroot $root /bin/env -i PATH=/bin HOME=/root /bin/sh'\n", root, prepare))
	args := []string{"--gateway", s.address, "web=" + appWeb}
	for _, p := range s.pins {
		args = append(args, "--pin", p)
	}
	runs(t, h.command("clever-ssh", append([]string{"setup"}, args...)...))
	return h, root
}

// On an instance that holds only BusyBox, the outpost does what needs more: files, and tunnels in both
// directions.
func TestBusyBoxAlone(t *testing.T) {
	t.Parallel()
	h, root := bareHome(t, ":")
	file := filepath.Join(h.dir, "file")
	must(t, os.WriteFile(file, []byte(strings.Repeat("content\n", 10_000)), 0o600))
	runs(t, h.command("scp", "-S", "ssh", "-q", file, "web.clever:by-scp")) // the first use waits for the outpost
	sameFiles(t, file, filepath.Join(root, "root", "by-scp"))
	runs(t, h.command("scp", "-S", "ssh", "-q", "web.clever:~/by-scp", filepath.Join(h.dir, "back")))
	sameFiles(t, file, filepath.Join(h.dir, "back"))
	sftp := h.command("sftp", "-q", "-S", "ssh", "-b", "-", "web.clever")
	sftp.Stdin = strings.NewReader("put " + file + " /tmp/by-sftp\nln -s by-sftp /tmp/link\nget /tmp/link " + filepath.Join(h.dir, "again") + "\nls -l /tmp\n")
	if out := runs(t, sftp); !strings.Contains(out, "by-sftp") {
		t.Errorf("sftp shows %q", out)
	}
	sameFiles(t, file, filepath.Join(h.dir, "again"))
	h.ready(t)
	if out := runs(t, h.command("ssh", "web.clever", "id -u; ls /bin/busybox")); out != fmt.Sprintf("%d\n/bin/busybox\n", os.Getuid()) {
		t.Errorf("%q", out)
	}
	near := freeAddress(t)
	cmd := h.command("ssh", "-N", "-L", near+":"+echoes(t), "-R", "0:"+echoes(t), "web.clever")
	far := "127.0.0.1:" + allocated(t, cmd)
	if err := echoed("tcp", far); err != nil {
		t.Errorf("-R: %v", err)
	}
	test.Eventually(t, "-L serves", func() bool { return echoed("tcp", near) == nil })
}

// If no folder of an instance can hold a program, or run one, the shell runs the commands, and features that
// need the outpost say why there is none. So does doctor.
func TestNoPlaceForOutpost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options, why string }{
		{"nothing there can be executed", "noexec", `the outpost cannot run in any folder on the instance: /tmp: programs cannot run there; /root: programs cannot run there`},
		{"nothing can be written", "ro", `the instance has no private folder to put the outpost in`},
		{"the disk is full", "size=64k", `the outpost cannot run in any folder on the instance: /tmp: it could not be written completely; /root: it could not be written completely`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, _ := bareHome(t, fmt.Sprintf("for d in tmp root; do mount -t tmpfs -o %s none $root/$d; done", c.options))
			if out := runs(t, h.command("ssh", "web.clever", "echo yes")); out != "yes\n" {
				t.Errorf("%q", out)
			}
			cmd := h.command("ssh", "-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:localhost:1", "web.clever")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "-R 0 needs the outpost: "+c.why) {
				t.Errorf("-R: %v, %s", err, out)
			}
			examined, _ := h.command("clever-ssh", "doctor", "web.clever").CombinedOutput()
			if !strings.Contains(strings.Join(strings.Fields(string(examined)), " "), "the shell serves commands: "+c.why) {
				t.Errorf("doctor says\n%s", examined)
			}
			cmd = h.command("ssh", "web.clever", "cat; exit 3")
			cmd.Stdin = strings.NewReader("typed")
			stdout, err := cmd.StdoutPipe()
			must(t, err, cmd.Start())
			text, _ := io.ReadAll(bufio.NewReader(stdout))
			cmd.Wait()
			if cmd.ProcessState.ExitCode() != 3 || string(text) != "typed" {
				t.Errorf("afterwards: %v, %q", cmd.ProcessState, text)
			}
		})
	}
}
