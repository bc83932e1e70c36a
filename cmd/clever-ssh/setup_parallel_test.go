//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"clever-ssh/internal/test"
)

// numbered returns names that lead to direct(i), as arguments of setup.
func numbered(prefix string, n int) (args []string) {
	for i := range n {
		args = append(args, fmt.Sprintf("%s-%d=%s", prefix, i, direct(i)))
	}
	return args
}

// atOnce runs clever-ssh once for each command line, all at the same time. Each must succeed.
func atOnce(t *testing.T, h *home, lines [][]string) {
	t.Helper()
	var all sync.WaitGroup
	for _, args := range lines {
		all.Go(func() {
			if out, err := h.command("clever-ssh", args...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		})
	}
	all.Wait()
}

// expectNames fails unless exactly these names are registered, each once, and ssh finds them.
func expectNames(t *testing.T, h *home, names []string) {
	t.Helper()
	list := runs(t, h.command("clever-ssh", "list"))
	if got := strings.Count(list, ".clever "); got != len(names) {
		t.Errorf("%d names, want %d:\n%s", got, len(names), list)
	}
	var all sync.WaitGroup
	for _, pair := range names {
		name, target, _ := strings.Cut(pair, "=")
		all.Go(func() {
			out, err := h.command("ssh", "-G", name+".clever").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "\nremotecommand "+target+"\n") {
				t.Errorf("ssh -G %s.clever: %v\n%s", name, err, out)
			}
		})
	}
	all.Wait()
}

// expectTidy fails if the home has a file that only a running setup may have.
func expectTidy(t *testing.T, h *home) {
	t.Helper()
	files := runs(t, h.command("find", h.dir))
	for file := range strings.Lines(files) {
		if base := filepath.Base(strings.TrimSpace(file)); strings.HasPrefix(base, ".clever-ssh-") || base == "clever-ssh.toml.lock" {
			t.Errorf("%s is left behind", file)
		}
	}
}

// Eight setups at once lose no name. This holds in a home that is set up, while other commands
// remove names, and in one with nothing yet, not even a folder for the settings. The tests of
// package setup run more at once, in one process.
func TestSetupsAtOnce(t *testing.T) {
	t.Parallel()
	const many = 8
	names := numbered("new", many)
	t.Run("set up", func(t *testing.T) {
		t.Parallel()
		h := testHome(t)
		old := numbered("old", many)
		runs(t, h.command("clever-ssh", append([]string{"setup"}, old...)...))
		expectNames(t, h, old)
		var lines [][]string
		for i := 0; i < many; i += 4 {
			remove := []string{"remove"}
			for j := i; j < i+4; j++ {
				remove = append(remove, fmt.Sprintf("old-%d", j))
				lines = append(lines, []string{"setup", names[j]})
			}
			lines = append(lines, remove)
		}
		atOnce(t, h, lines)
		expectNames(t, h, names)
		expectTidy(t, h)
	})
	t.Run("nothing yet", func(t *testing.T) {
		t.Parallel()
		h := testHome(t)
		before, err := os.ReadFile(h.path("config"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(h.dir, ".config")); err != nil {
			t.Fatal(err)
		}
		var lines [][]string
		for _, pair := range names {
			lines = append(lines, []string{"setup", "--ssh-config", h.path("config"), pair})
		}
		atOnce(t, h, lines)
		expectNames(t, h, names)
		expectTidy(t, h)
		text, err := os.ReadFile(h.path("config"))
		if want := fmt.Sprintf("Include %s\n%s", h.path("clever/config"), before); err != nil || string(text) != want {
			t.Errorf("the user's file: %v\n%s", err, text)
		}
		runs(t, h.command("clever-ssh", "remove", "--all"))
		if text, err := os.ReadFile(h.path("config")); err != nil || string(text) != string(before) {
			t.Errorf("after remove --all: %v\n%s", err, text)
		}
	})
}

// While names are registered one after another, eight connections at once reach the gateway, and
// ssh still reads its configuration for other hosts.
func TestSetupWhileConnecting(t *testing.T) {
	test.Long(t)
	t.Parallel()
	const many = 8
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	foreign := runs(t, h.command("ssh", "-G", "example.com"))

	const fewest = 3 // setups, and reads for other hosts, that must happen during the connections
	stop := make(chan struct{})
	var looping sync.WaitGroup
	loop := func(do func(i int) bool) *atomic.Int64 {
		var rounds atomic.Int64
		looping.Go(func() {
			for i := 0; do(i); i++ {
				rounds.Add(1)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		return &rounds
	}
	setups := loop(func(i int) bool {
		out, err := h.command("clever-ssh", "setup", fmt.Sprintf("new-%d=%s", i, direct(i))).CombinedOutput()
		if err != nil {
			t.Errorf("setup of new-%d: %v\n%s", i, err, out)
		}
		return err == nil
	})
	reads := loop(func(int) bool {
		out, err := h.command("ssh", "-G", "example.com").Output()
		if err != nil || string(out) != foreign {
			t.Errorf("ssh -G example.com: %v\n%s", err, out)
		}
		return err == nil
	})
	for !t.Failed() && (setups.Load() < fewest || reads.Load() < fewest) {
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				alias := "web.clever"
				if i%2 == 1 {
					alias = appWeb + ".clever"
				}
				cmd := h.command("ssh", alias)
				cmd.Stdin = strings.NewReader("echo id=$APP_ID; exit\n")
				if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "id="+appWeb+"\r\n") {
					t.Errorf("ssh %s: %v\n%s", alias, err, out)
				}
			})
		}
		all.Wait()
	}
	close(stop)
	looping.Wait()
	for _, s := range g.Events().Sessions {
		if s.Target != appWeb {
			t.Errorf("a session for %q", s.Target)
		}
	}
	expectNames(t, h, append(numbered("new", int(setups.Load())), "web="+appWeb))
	expectTidy(t, h)
	t.Logf("%d setups and %d other hosts during %d connections", setups.Load(), reads.Load(), g.Events().Connections)
}
