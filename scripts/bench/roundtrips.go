package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync/atomic"
	"time"
)

// How many round trips a command takes: the time over a slow path, less that over a fast one, by the time of a round trip. What this
// machine does meanwhile is in both.

// oneWay is how long the slow path takes in each direction.
const oneWay = 100 * time.Millisecond

// The rows of the round trips.
const (
	firstOfOne     = "one instance, the first command"
	nextOfOne      = "one instance, the next one"
	firstOfSeveral = "several instances, the first command"
	nextOfSeveral  = "several instances, the next one"
)

// roundTrips counts those of a command, on an application with one instance and on one with several.
func (b *bench) roundTrips() error {
	path, err := startPath("127.0.0.1:" + b.port)
	if err != nil {
		return err
	}
	defer path.Close()
	if err := b.setupPath(path.Addr().String()); err != nil {
		return err
	}
	aliases := 0
	once := func(ctx context.Context, c contender) ([]float64, error) {
		aliases++
		label := "app_one"
		if c.name == firstOfSeveral || c.name == nextOfSeveral {
			label = "app_several"
		}
		var took [2]float64 // over the fast path, over the slow one
		for i := range took {
			alias := fmt.Sprintf("%s%d-%d.slow", label, aliases, i) // which has no connection yet
			command := func() ([]float64, error) {
				return timed(b.command(ctx, "ssh", "-T", "-F", b.path(".ssh/config"), alias, "true"))
			}
			if c.name == nextOfOne || c.name == nextOfSeveral {
				if _, err := command(); err != nil {
					return nil, err
				}
			}
			path.delay.Store(int64(i) * int64(oneWay))
			ms, err := command()
			path.delay.Store(0)
			if err != nil {
				return nil, err
			}
			took[i] = ms[0]
		}
		return []float64{(took[1] - took[0]) / float64((2 * oneWay).Milliseconds())}, nil
	}
	list := []contender{{name: firstOfOne}, {name: nextOfOne}, {name: firstOfSeveral}, {name: nextOfSeveral}}
	counted := table{title: "round trips of ssh that runs `true` through the bridge", unit: "round trips", decimals: 1}
	if err := b.rounds("round trips", max(3, b.runs/3), list, once, &counted); err != nil {
		return err
	}
	counted.print(firstOfOne)
	fmt.Println("goals for several instances")
	added := counted.of(firstOfSeveral).over(counted.of(firstOfOne))
	verdict("at most 2 round trips more for the first command", true, added <= 2.3, fmt.Sprintf("%+.1f", added))
	added = counted.of(nextOfSeveral).over(counted.of(nextOfOne))
	verdict("no round trip more for the next ones", true, added <= 0.3, fmt.Sprintf("%+.1f", added))
	return nil
}

// setupPath registers a gateway at the other end of the path, with the host keys of the one that bench.sh has registered.
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
	return nil
}

// slowPath passes connections on to an address, each byte after a while.
type slowPath struct {
	net.Listener
	delay atomic.Int64 // in nanoseconds, in each direction
}

func startPath(to string) (*slowPath, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &slowPath{Listener: l}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go p.carry(far, near)
			go p.carry(near, far)
		}
	}()
	return p, nil
}

// carry copies in one direction, and keeps the order.
func (p *slowPath) carry(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer to.(*net.TCPConn).CloseWrite()
		for piece := range pieces {
			time.Sleep(time.Until(piece.due))
			if _, err := to.Write(piece.data); err != nil {
				from.Close()
				io.Copy(io.Discard, from)
			}
		}
	}()
	defer close(pieces)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if n > 0 {
			pieces <- piece{data[:n], time.Now().Add(time.Duration(p.delay.Load()))}
		}
		if err != nil {
			return
		}
	}
}
