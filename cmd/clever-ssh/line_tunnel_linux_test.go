package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// echoes answers each line of a connection with the same line.
func echoes(t *testing.T) (address string) {
	t.Helper()
	l := loopback(t)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// echoed sends a line to an address, and expects it back.
func echoed(network, address string) error {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(test.Patience))
	if _, err := io.WriteString(c, "there\n"); err != nil {
		return err
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "there\n" {
		return fmt.Errorf("%q came back, %v", line, err)
	}
	return nil
}

// Tunnels that are open when their line breaks work again, in both directions: the next connection here is
// served, and the instance listens at the same port.
func TestTunnelOutlivesLine(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*testing.T, *lined){
		"the outpost is killed": func(t *testing.T, l *lined) {
			must(t, syscall.Kill(only(t, "outposts", l.outposts(t)), syscall.SIGKILL))
		},
		"the gateway starts again": func(t *testing.T, l *lined) {
			must(t, l.gateway.Close())
			g := &gateway.Gateway{HostKeys: l.gateway.HostKeys, Accounts: l.gateway.Accounts}
			must(t, startAgain(g, l.gateway.Addr()))
			t.Cleanup(func() { g.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := linedHome(t)
			l.ready(t)
			near := freeAddress(t)
			cmd := l.command("ssh", "-N", "-L", near+":"+echoes(t), "-R", "0:"+echoes(t), "web.clever")
			far := "127.0.0.1:" + allocated(t, cmd)
			test.Eventually(t, "the tunnel from here serves", func() bool { return echoed("tcp", near) == nil })
			if err := echoed("tcp", far); err != nil {
				t.Errorf("the tunnel from the instance: %v", err)
			}
			breaks(t, l)
			if err := echoed("tcp", near); err != nil {
				t.Errorf("the first connection afterwards: %v", err)
			}
			test.Eventually(t, "the instance listens again", func() bool { return echoed("tcp", far) == nil })
			if err := echoed("tcp", near); err != nil {
				t.Errorf("the second connection afterwards: %v", err)
			}
		})
	}
}

// allocated starts an ssh with -R 0, which ends with its test, and returns the port that it prints.
func allocated(t *testing.T, cmd *exec.Cmd) (port string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	must(t, err)
	begun(t, cmd)
	told, lines := regexp.MustCompile(`^Allocated port (\d+) for remote forward`), bufio.NewReader(stderr)
	var said strings.Builder
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if m := told.FindStringSubmatch(line); m != nil {
			go io.Copy(io.Discard, lines)
			return m[1]
		}
		if err != nil {
			t.Fatalf("ssh says %q", said.String())
		}
	}
}

// A connection that has gone silent is noticed: everything over it ends, and the next command makes a new one.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	l := linedHome(t)
	w := newWire(t, l.gateway.Addr(), loopback(t))
	runs(t, l.command("clever-ssh", "setup", "--gateway", "ssh@"+w.Addr().String()))
	w.fail(inSession, stalls)
	l.ready(t)
	cmd := l.command("ssh", "web.clever", "echo begun; exec sleep 1000")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
		t.Fatalf("%q, %v", line, err)
	}
	stall := w.now
	w.fail(inSession, stalls) // for the next connection, which nobody tells to
	close(stall)
	timer := time.AfterFunc(test.Patience, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
	if status := cmd.ProcessState.ExitCode(); status != 255 || !matches(broken, stderr.String()) {
		t.Errorf("exit status %d, %q", status, stderr.String())
	}
	if out := runs(t, l.command("ssh", "web.clever", "echo again")); out != "again\n" {
		t.Errorf("%q", out)
	}
	l.ready(t)
}

// If one instance falls silent, only what runs there ends: the other instances share its connection to the gateway.
func TestOneInstanceIsSilent(t *testing.T) {
	t.Parallel()
	l := linedHome(t)
	l.setup(t, l.gateway, "pair="+appPair)
	must(t, l.gateway.SetInstances(appPair, []gateway.Instance{
		{ID: instanceID("1"), Name: "Abra", Number: 0, State: "UP"}, {ID: instanceID("2"), Name: "Abra", Number: 1, State: "UP"},
	}))
	home := strings.TrimSpace(runs(t, l.command("ssh", "0.pair.clever", "echo $HOME")))
	ofFirst := func() []int {
		return processes(t, func(pid int, args []string) bool {
			environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			list := strings.Split(string(environment), "\x00")
			return strings.HasPrefix(args[0], "./") && slices.Contains(list, "HOME="+home) && slices.Contains(list, "INSTANCE_ID="+instanceID("1"))
		})
	}
	test.Eventually(t, "the outpost is there", func() bool { return len(ofFirst()) > 0 })
	begin := func(alias, command string) (*exec.Cmd, io.Writer, *bufio.Reader) {
		cmd := l.command("ssh", alias, command)
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err, cmd.Start())
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		r := bufio.NewReader(out)
		if line, err := r.ReadString('\n'); line != "begun\n" {
			t.Fatalf("%s: %q, %v", alias, line, err)
		}
		return cmd, in, r
	}
	silent, _, _ := begin("0.pair.clever", "echo begun; exec sleep 1000")
	_, in, out := begin("1.pair.clever", "echo begun; cat")
	masters := controlSockets(t, filepath.Join(l.dir, "run"))
	if len(masters) != 1 {
		t.Fatalf("the control sockets are %q, want one", masters)
	}
	outpost := only(t, "outposts", ofFirst())
	must(t, syscall.Kill(outpost, syscall.SIGSTOP))
	t.Cleanup(func() { syscall.Kill(outpost, syscall.SIGKILL) })
	timer := time.AfterFunc(test.Patience, func() { silent.Process.Kill() })
	silent.Wait()
	timer.Stop()
	if status := silent.ProcessState.ExitCode(); status != 255 {
		t.Errorf("the command on the silent instance: exit status %d", status)
	}
	test.Eventually(t, "no new session uses the connection", func() bool {
		return !slices.Contains(controlSockets(t, filepath.Join(l.dir, "run")), masters[0])
	})
	io.WriteString(in, "still here\n")
	if line, err := out.ReadString('\n'); line != "still here\n" {
		t.Errorf("the command on the other instance: %q, %v", line, err)
	}
}
