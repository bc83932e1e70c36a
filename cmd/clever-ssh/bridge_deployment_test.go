//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// How much a deployment has to carry. Larger numbers are for a quiet machine and a patient person.
var (
	deployments  = flag.Int("deployments", 2, "how many deployments TestDeployments makes")
	deployedSize = flag.Int("deployed-size", 3_000_000, "how many bytes scp copies in TestDeployments")
)

// While an application is deployed again and again, no command or copy fails that began while an instance was
// UP. A tunnel's client loses its connection to the instance that goes, and always gets another.
func TestDeployments(t *testing.T) {
	test.Long(t)
	t.Parallel()
	h, g, far := programHome(t)
	d := &gateway.Deployment{Gateway: g, Application: appPair, Step: 100 * time.Millisecond}
	must(t, d.Start(1))
	var commands, copies, tunnels, broken atomic.Int64
	d.Stopped = func([]gateway.Instance) {
		// An instance finishes what began on it. A list of instances serves for a second, and then for the one
		// that has it read again, so the one after that knows that the instance stops.
		time.Sleep(time.Second)
		c, s := commands.Load()+2, copies.Load()+2
		test.Eventually(t, "what was begun on the old instance has ended", func() bool { return commands.Load() > c && copies.Load() > s })
	}
	near := filepath.Join(h.dir, "near")
	content := make([]byte, *deployedSize)
	rand.Read(content)
	must(t, os.WriteFile(near, content, 0o600))

	over := make(chan struct{})
	var work sync.WaitGroup
	repeat := func(n *atomic.Int64, do func(int64)) {
		work.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					do(n.Add(1))
				}
			}
		})
	}
	repeat(&commands, func(n int64) {
		if out, err := h.command("ssh", "pair.clever", "echo $INSTANCE_ID").CombinedOutput(); err != nil || len(out) != len(instanceWeb)+1 {
			t.Errorf("command %d: %v\n%s", n, err, out)
		}
		time.Sleep(200 * time.Millisecond) // as a person's loop would
	})
	repeat(&copies, func(n int64) {
		to := filepath.Join(far, "copy")
		if out, err := h.command("scp", "-S", "ssh", near, "pair.clever:"+to).CombinedOutput(); err != nil {
			t.Errorf("copy %d: %v\n%s", n, err, out)
		} else {
			sameFiles(t, near, to)
		}
	})

	echo := echoServer(t)
	local := freeAddress(t)
	tunnel := h.command("ssh", "-N", "-L", local+":"+echo, "pair.clever")
	tunnel.Stderr = os.Stderr
	must(t, tunnel.Start())
	defer tunnel.Process.Kill()
	awaitListener(t, local)
	repeat(&tunnels, func(n int64) {
		if err := talk(local, over); errors.Is(err, errNoEcho) {
			t.Errorf("connection %d of the tunnel: %v", n, err)
		} else if err != nil {
			broken.Add(1)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range *deployments {
		must(t, d.Deploy(ctx, 1))
	}
	close(over)
	work.Wait()
	t.Logf("%d commands, %d copies, %d connections, of which %d broke", commands.Load(), copies.Load(), tunnels.Load(), broken.Load())
	if n := broken.Load(); n > int64(*deployments) {
		t.Errorf("%d connections broke in %d deployments", n, *deployments)
	}
}

// echoServer echoes line after line, and returns its address.
func echoServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// errNoEcho means that a connection never worked.
var errNoEcho = errors.New("no line came back")

// talk exchanges lines over one connection until that breaks, or it is over. The first one must come back.
func talk(address string, over <-chan struct{}) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoEcho, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(test.Patience))
	answers := bufio.NewReader(c)
	for n := 0; ; n++ {
		_, err := fmt.Fprintln(c, n)
		line := ""
		if err == nil {
			line, err = answers.ReadString('\n')
		}
		if err == nil && strings.TrimSpace(line) != fmt.Sprint(n) {
			err = fmt.Errorf("%q came back for %d", line, n)
		}
		if err != nil && n == 0 {
			return fmt.Errorf("%w: %w", errNoEcho, err)
		}
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(test.Patience))
		select {
		case <-over:
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// If there is no instance for a moment, a tunnel's new connection waits for the next one, and then says what
// there is.
func TestBetweenInstances(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	d := &gateway.Deployment{Gateway: g, Application: appPair}
	must(t, d.Start(1))
	echo := echoServer(t)
	local := freeAddress(t)
	tunnel := h.command("ssh", "-N", "-L", local+":"+echo, "pair.clever")
	said, err := tunnel.StderrPipe()
	must(t, err)
	must(t, tunnel.Start())
	defer tunnel.Process.Kill()
	awaitListener(t, local)
	over := make(chan struct{})
	close(over)
	must(t, talk(local, over))

	gone := d.Instances()[0].ID
	must(t, g.SetInstances(appPair, nil))
	test.Eventually(t, "its sessions have ended", func() bool { return g.Visits(gone) == 0 }) // its outpost may carry one more
	before := len(g.Events().Sessions)
	answered := make(chan error, 1)
	go func() { answered <- talk(local, over) }()
	test.Eventually(t, "somebody looks for an instance", func() bool { return len(g.Events().Sessions) > before+1 })
	must(t, d.Start(1))
	must(t, <-answered)

	stopping := d.Instances()
	stopping[0].State = "STOPPING"
	must(t, g.SetInstances(appPair, append(stopping, gateway.Instance{ID: instanceID("7"), Name: "Nidoran♀", Number: -1, State: "BOOTING"})))
	test.Eventually(t, "the list was read", func() bool {
		err := talk(local, over)
		return errors.Is(err, errNoEcho)
	})
	defer time.AfterFunc(test.Patience, func() { tunnel.Process.Kill() }).Stop()
	lines := bufio.NewReader(said)
	for line := ""; !strings.Contains(line, "no instance of the application is UP; it has:"); { // it may first lose its instance
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"STOPPING", "BOOTING", "hint: for the alias of each: clever-ssh instances pair.clever"} {
		if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, want) {
			t.Errorf("%q, %v, want %q", line, err, want)
		}
	}
}

// On a terminal, a line names the instance that a command goes to, and the others.
func TestChosenIsNamed(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	must(t, g.SetInstances(appPair, []gateway.Instance{
		{ID: instanceID("1"), Name: "Nidoran♀", Number: 0}, {ID: instanceID("2"), Name: "Abra", Number: 0, State: "STOPPING"}, {ID: instanceID("3"), Name: "Abra", Build: true}}))
	line := `clever-ssh: ALIAS is instance 0 \(` + instanceID("1")[:8] + `\); also 0 STOPPING, build UP\r+\n`
	for _, c := range []struct {
		alias string
		args  []string
	}{
		{"pair.clever", []string{"ssh", "pair.clever", "echo do''ne"}},
		{"pair.clever", []string{"ssh", "pair.run.clever", "echo do''ne"}},
		{"any.pair.clever", []string{"ssh", "any.pair.clever", "echo do''ne"}},
		{"pair.clever", []string{"clever-ssh", "exec", "pair.clever", "echo do''ne"}},
		{"", []string{"ssh", "build.pair.clever", "echo do''ne"}},
		{"", []string{"ssh", "all.pair.clever", "echo do''ne"}},
	} {
		term := start(t, h.command(c.args[0], c.args[1:]...))
		if c.alias != "" {
			term.expect(t, "^"+strings.Replace(line, "ALIAS", strings.ReplaceAll(c.alias, ".", `\.`), 1))
		}
		term.expect(t, `^(?:0: )?done\r\n`)
		if status := term.status(t); status != 0 {
			t.Errorf("%v: exit status %d", c.args, status)
		}
	}
}

// On a terminal, a line names the missing instance that is being waited for.
func TestMissingIsNamed(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	now := gateway.Instance{ID: instanceID("1"), Name: "Abra", State: "STOPPING"}
	starting := gateway.Instance{ID: instanceID("2"), Name: "Abra", Number: -1, State: "BOOTING"}
	for before, c := range []struct {
		missing string
		args    []string
	}{
		{"an instance", []string{"ssh", "pair.clever", "echo do''ne"}},
		{"instance 2", []string{"ssh", "2.pair.clever", "echo do''ne"}},
		{"instance 3", []string{"ssh", "3.pair.clever"}},
		{"instance 4", []string{"clever-ssh", "exec", "4.pair.clever", "echo do''ne"}},
	} {
		must(t, g.SetInstances(appPair, []gateway.Instance{now, starting}))
		term := start(t, h.command(c.args[0], c.args[1:]...))
		term.expect(t, `^clever-ssh: waiting for `+c.missing+` of pair\.clever\r+\n`)
		must(t, g.SetInstances(appPair, []gateway.Instance{now, {ID: starting.ID, Name: starting.Name, Number: before + 1}}))
		if len(c.args) == 2 {
			term.expect(t, `\$ $`)
			fmt.Fprintln(term, "echo do''ne; exit")
		}
		term.expect(t, `done\r\n`)
		if status := term.status(t); status != 0 {
			t.Errorf("%v: exit status %d", c.args, status)
		}
	}
}

// PuTTY's plink reaches one of several instances: by its id for now, and by its run alias for good.
func TestPlinkOfInstances(t *testing.T) {
	t.Parallel()
	test.Need(t, "plink")
	h, g, _ := programHome(t)
	must(t, g.SetInstances(appPair, []gateway.Instance{{ID: instanceID("1"), Name: "Abra", Number: 0}, {ID: instanceID("2"), Name: "Abra", Number: 1}}))
	now := runs(t, h.command("sh", "-c", "clever-ssh putty --print 1.pair.clever 2>said"))
	if !strings.HasSuffix(now, " "+instanceID("2")+"\n") {
		t.Errorf("%q", now)
	}
	if said, _ := os.ReadFile(filepath.Join(h.dir, "said")); string(said) != "clever-ssh: the next deployment replaces this instance; 1.pair.run.clever always finds the current one\n" {
		t.Errorf("%q", said)
	}
	line := strings.TrimSpace(runs(t, h.command("clever-ssh", "putty", "--print", "1.pair.run.clever")))
	if out := runs(t, h.command("sh", "-c", line+" -batch -T 'echo $INSTANCE_ID'")); strings.TrimSpace(out) != instanceID("2") {
		t.Errorf("%s: %q", line, out)
	}
	if out, err := h.command("clever-ssh", "putty", "--print", "all.pair.clever").CombinedOutput(); err == nil || !strings.Contains(string(out), "hint: for instance 0: clever-ssh putty --print 0.pair.clever\n") {
		t.Errorf("%v, %s", err, out)
	}
}

// With OpenSSH's own sshd in place of the gateway, sessions share one connection, and each alias leads to its
// instance.
func TestInstancesOfSSHD(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	// A gateway with another prompt, and colours, that lists on stderr.
	s := startSSHDWith(t, h, `#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
????????-*) ;;
*)
	{
		printf '\033[1m1)\033[0m Mr. Mime - Instance 1 - UP (`+instanceID("1")+`)\r\n'
		printf '\033[1m2)\033[0m Nidoran♀ - Instance 0 - UP (`+strings.ToUpper(instanceID("a"))+`)\r\n'
		printf '\033[1m3)\033[0m Abra - Build VM - BUILDING (`+instanceID("3")+`)\r\n'
		printf 'Which one do you want? '
	} >&2
	exec cat >/dev/null
	;;
esac
INSTANCE_ID=$SSH_ORIGINAL_COMMAND
export INSTANCE_ID
`+strings.TrimPrefix(forceCommand, "#!/bin/sh\n"))
	args := []string{"setup", "--gateway", s.address, "pair=" + appPair}
	for _, p := range s.pins {
		args = append(args, "--pin", p)
	}
	runs(t, h.command("clever-ssh", args...))
	for alias, digit := range map[string]string{"pair.clever": "a", "1.pair.clever": "1", "any." + appPair + ".clever": "a", "build.pair.run.clever": "3"} {
		if out := runs(t, h.command("ssh", alias, "echo $INSTANCE_ID")); out != instanceID(digit)+"\n" {
			t.Errorf("%s: %q", alias, out)
		}
	}
	if out := runs(t, h.command("ssh", "all.pair.clever", "echo $INSTANCE_ID | sort; wc -c <&0")); !strings.Contains(out, "0: "+instanceID("a")+"\n") || !strings.Contains(out, "1: "+instanceID("1")+"\n") {
		t.Errorf("%q", out)
	}
	term := start(t, h.command("ssh", "1.pair.clever"))
	term.expect(t, `\$ $`)
	fmt.Fprintln(term, "echo this is $INSTANCE_ID; exit")
	term.expect(t, "this is "+instanceID("1"))
	if status := term.status(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
