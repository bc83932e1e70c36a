package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// This file counts how many round trips something takes: the time over a slow path, minus that over a fast one,
// divided by the time of a round trip. What this machine does in the meantime is part of both.

// oneWay is how long the slow path takes in each direction.
const oneWay = 100 * time.Millisecond

// The rows of the round trips.
const (
	plainFirst     = "plain sshd, the first command"
	plainNext      = "plain sshd with a ControlMaster, the next one"
	plainTunnel    = "plain sshd, a connection of ssh -L"
	firstOfOne     = "one instance, the first command"
	nextOfOne      = "one instance, the next one"
	tunnelOfOne    = "one instance, a connection of ssh -L"
	firstOfSeveral = "several instances, the first command"
	nextOfSeveral  = "several instances, the next one"
)

// roundTrips counts the round trips of a command and of a connection, through the bridge and with a plain sshd.
func (b *bench) roundTrips() error {
	path, err := startPath("127.0.0.1:" + b.port)
	if err != nil {
		return err
	}
	defer path.Close()
	if err := b.setupPath(path.Addr().String()); err != nil {
		return err
	}
	greeter, err := startGreeter()
	if err != nil {
		return err
	}
	defer greeter.Close()
	turn := 0
	once := func(ctx context.Context, c contender) ([]float64, error) {
		var took [2]time.Duration // over the fast path, over the slow one
		for i := range took {
			turn++
			w := b.wayOf(c.name, turn)
			if err := w.prepare(ctx, c.name); err != nil {
				return nil, err
			}
			path.delay.Store(int64(i) * int64(oneWay))
			var err error
			if c.name == tunnelOfOne || c.name == plainTunnel {
				took[i], err = w.connect(ctx, greeter.Addr().String(), path, time.Duration(i)*oneWay)
			} else {
				begin := time.Now()
				err = w.run(ctx)
				took[i] = time.Since(begin)
			}
			path.delay.Store(0)
			w.end()
			if err != nil {
				return nil, err
			}
		}
		return []float64{float64(took[1]-took[0]) / float64(2*oneWay)}, nil
	}
	var list []contender
	for _, name := range []string{plainFirst, plainNext, plainTunnel, firstOfOne, nextOfOne, tunnelOfOne, firstOfSeveral, nextOfSeveral} {
		list = append(list, contender{name: name})
	}
	counted := table{title: "round trips, with `true` as the command, and up to a connection's first byte", unit: "round trips", decimals: 1}
	if err := b.rounds("round trips", max(3, b.runs/3), list, once, &counted); err != nil {
		return err
	}
	fmt.Println("goals")
	of := counted.of
	goal := func(what string, n, most float64) { verdict(what, true, n <= most+0.05, fmt.Sprintf("%.1f", n)) }
	goal("a warm command takes at most 1.3", of(nextOfOne).median(), 1.3)
	goal("and less than with a plain sshd", of(nextOfOne).median()-of(plainNext).median(), 0)
	goal("a connection's first byte comes after at most 1.3", of(tunnelOfOne).median(), 1.3)
	goal("the first command takes at most 2.5 more than a plain sshd's", of(firstOfOne).median()-of(plainFirst).median(), 2.5)
	goal("several instances cost the first command at most 2 more", of(firstOfSeveral).median()-of(firstOfOne).median(), 2.3)
	goal("and the next ones nothing", of(nextOfSeveral).median()-of(nextOfOne).median(), 0.3)
	return b.crowd(greeter.Addr().String())
}

// way is one way to where commands run. It has no connection yet.
type way struct {
	bench *bench
	ssh   []string // the command line, up to what it is to do
	word  string   // the command
	plain bool
	end   func()
}

// wayOf returns the way for a row.
func (b *bench) wayOf(row string, turn int) *way {
	switch row {
	case plainFirst, plainNext, plainTunnel:
		socket := b.path(fmt.Sprintf("m%d", turn))
		w := &way{bench: b, word: "app_bench", plain: true, ssh: []string{"ssh", "-T", "-F", b.path("plain"), "-o", "ControlPath=" + socket, "-o", "ControlMaster=auto",
			"-o", "ControlPersist=60", "plain"}}
		w.end = func() {
			exec.Command("ssh", "-F", b.path("plain"), "-o", "ControlPath="+socket, "-O", "exit", "plain").Run()
		}
		return w
	}
	label := "app_one"
	if row == firstOfSeveral || row == nextOfSeveral {
		label = "app_several"
	}
	alias := fmt.Sprintf("%s%d.slow", label, turn)
	w := &way{bench: b, word: "true", ssh: []string{"ssh", "-T", "-F", b.path(".ssh/config"), alias}}
	w.end = func() { exec.Command(b.path("clever-ssh"), "close").Run() }
	return w
}

func (w *way) run(ctx context.Context) error {
	_, err := timed(w.bench.command(ctx, append(w.ssh, w.word)...))
	return err
}

// prepare does what must be over before anything is counted: except for a first command, the connection and the
// outpost are there.
func (w *way) prepare(ctx context.Context, row string) error {
	switch row {
	case plainFirst, firstOfOne, firstOfSeveral:
		return nil
	case plainNext, plainTunnel:
		return w.run(ctx)
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		cmd := w.bench.command(ctx, append([]string{w.ssh[0], "-v"}, append(w.ssh[1:], w.word)...)...)
		cmd.Stderr = nil
		said, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, said)
		}
		if strings.Contains(string(said), "running it through the outpost") {
			time.Sleep(500 * time.Millisecond) // lets background work end
			return nil
		}
	}
	return errors.New("no outpost appeared")
}

// connect times a connection through the way's ssh -L until its first byte.
func (w *way) connect(ctx context.Context, to string, path *slowPath, delay time.Duration) (time.Duration, error) {
	path.delay.Store(0)
	stop, socket, err := w.tunnel(ctx, to)
	if err != nil {
		return 0, err
	}
	defer stop()
	path.delay.Store(int64(delay))
	return firstByte(socket)
}

// tunnel opens a socket that leads to an address through the way's ssh -L.
func (w *way) tunnel(ctx context.Context, to string) (stop func(), socket string, err error) {
	socket = w.bench.path("tunnel")
	os.Remove(socket)
	cmd := w.bench.command(ctx, append([]string{w.ssh[0], "-N", "-L", socket + ":" + to}, w.ssh[1:]...)...)
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	stop = func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err = firstByte(socket); err == nil {
			return stop, socket, nil
		} else if time.Now().After(until) {
			stop()
			return nil, "", err
		}
	}
}

// firstByte returns how long it takes to connect to a socket and receive something.
func firstByte(socket string) (time.Duration, error) {
	begin := time.Now()
	c, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_, err = io.ReadFull(c, make([]byte, 1))
	return time.Since(begin), err
}

// startGreeter starts a server that sends something to everybody.
func startGreeter() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.WriteString(c, "hello\n")
				io.Copy(io.Discard, c)
				c.Close()
			}()
		}
	}()
	return l, nil
}

// setupPath registers a gateway at the other end of the path, with the same host keys as the one that bench.sh
// registered.
func (b *bench) setupPath(address string) error {
	account, err := exec.CommandContext(b.ctx, "id", "-un").Output()
	if err != nil {
		return err
	}
	pin, err := exec.CommandContext(b.ctx, "sh", "-c", `ssh-keygen -lf "$1" | awk '{print $2}'`, "sh", b.path("host.pub")).Output()
	if err != nil {
		return err
	}
	trim := func(text []byte) string { return string(text[:max(0, len(text)-1)]) }
	out, err := exec.CommandContext(b.ctx, b.path("clever-ssh"), "setup", "--suffix", "slow", "--gateway", trim(account)+"@"+address,
		"--identity", b.path("id"), "--pin", trim(pin)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("setup: %w\n%s", err, out)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return os.WriteFile(b.path("plain"), fmt.Appendf(nil, `Host plain
    HostName %s
    Port %s
    User %s
    IdentityFile %s
    IdentitiesOnly yes
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking no
    LogLevel ERROR
`, host, port, trim(account), b.path("id")), 0o600)
}
