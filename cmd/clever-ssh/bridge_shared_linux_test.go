package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// If commands begin at the same time, one of them logs in, and no unusable connection is left.
func TestCommandsAtOnce(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	var work sync.WaitGroup
	for range 12 {
		work.Go(func() {
			if out, err := h.command("ssh", "web.clever", "echo yes").CombinedOutput(); err != nil || string(out) != "yes\n" {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	work.Wait()
	if n := len(g.Events().Attempts); n != 2 {
		t.Errorf("they made %d attempts to log in", n)
	}
	if left := controlSockets(t, filepath.Join(h.dir, "run")); len(left) != 1 {
		t.Errorf("the folder of sockets holds %q", left)
	}
}

// A tunnel that is not used for a while still has its connection, because its key may need a person.
func TestTunnelKeepsConnection(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	cmd := h.command("ssh", "-N", "-L", freeAddress(t)+":localhost:1", "web.clever")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	// The kernel lists the listening socket, and each that somebody has connected to it.
	sockets := func() int {
		list, err := os.ReadFile("/proc/net/unix")
		must(t, err)
		return strings.Count(string(list), filepath.Join(h.dir, "run", "clever-ssh-"))
	}
	test.Eventually(t, "the shared connection has two sockets", func() bool { return sockets() >= 2 })
	time.Sleep(time.Second)
	if sockets() < 2 {
		t.Error("nobody keeps the shared connection")
	}
}

// The shared connection leaves with everything else.
func TestRemoveAllEndsConnections(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "h") // a socket in a longer one would have no room
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h := homeIn(t, dir)
	h.env = append(h.env, "XDG_RUNTIME_DIR=")
	h.setup(t, startGateway(t, h), "web="+appWeb)
	runs(t, h.command("ssh", "web.clever", "true"))
	if sockets := controlSockets(t, h.path("clever")); len(sockets) != 1 {
		t.Fatalf("the sockets are %q", sockets)
	}
	runs(t, h.command("clever-ssh", "remove", "--all"))
	if _, err := os.Stat(h.path("clever")); !errors.Is(err, fs.ErrNotExist) {
		out, _ := exec.Command("ls", "-la", h.path("clever")).CombinedOutput()
		t.Errorf("the derived folder is still there: %v\n%s", err, out)
	}
}
