package proxycmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// startOver runs Connect as start does, with pipes of a medium.
func startOver(t *testing.T, ctx context.Context, medium string, gateway func(net.Conn)) *pipes {
	t.Helper()
	g := testGateway(serve(t, gateway), pinnedKey)
	stdinReader, stdin := media[medium](t)
	stdout, stdoutWriter := media[medium](t)
	p := &pipes{Reader: stdout, stdin: stdin, result: make(chan error, 1)}
	go func() {
		p.result <- Connect(ctx, g, stdinReader, stdoutWriter, Options{Timeout: test.Patience})
		go stdoutWriter.Close() // closing may wait for a reader or writer
		stdinReader.Close()
	}()
	t.Cleanup(p.leave)
	return p
}

// leave closes the client's ends of the pipes.
func (p *pipes) leave() {
	p.stdin.Close()
	p.Reader.(io.Closer).Close()
}

// held is what a process has to give back.
type held struct {
	goroutines  int
	descriptors []string
	stacks      string
}

func holds(t *testing.T) (h held) {
	t.Helper()
	const dir = "/proc/self/fd/"
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range list {
		if to, err := os.Readlink(dir + fd.Name()); err == nil { // if it fails, it was the folder's own
			h.descriptors = append(h.descriptors, fd.Name()+" "+to)
		}
	}
	stacks := make([]byte, 4<<20)
	h.goroutines, h.stacks = runtime.NumGoroutine(), string(stacks[:runtime.Stack(stacks, true)])
	return h
}

// expectReturned fails unless everything that was not held before is given back within a while.
func expectReturned(t *testing.T, before held) {
	t.Helper()
	var now held
	test.Eventually(t, "everything is given back", func() bool {
		now = holds(t)
		return now.goroutines <= before.goroutines && len(now.descriptors) <= len(before.descriptors)
	}, func() string {
		return fmt.Sprintf("%d goroutines, before %d; %d descriptors, before %d:\n%s\n%s", now.goroutines, before.goroutines,
			len(now.descriptors), len(before.descriptors), strings.Join(now.descriptors, "\n"), now.stacks)
	})
}

// However a connection ends, and whenever, it leaves no goroutine and no descriptor.
func TestNothingStays(t *testing.T) {
	test.Slow(t)
	var warm sync.Once
	reset := func(conn *net.TCPConn) {
		conn.SetLinger(0)
		conn.Close()
	}
	type ending struct {
		gateway func(*net.TCPConn) // nil: it stalls, and one of these happens
		cancel  bool               // the context ends
		stdin   bool               // or the client closes its stdin, or all that it has
	}
	endings := map[string]ending{
		"the gateway resets":                      {gateway: reset},
		"the gateway closes half":                 {gateway: func(conn *net.TCPConn) { conn.CloseWrite() }},
		"the gateway closes":                      {gateway: func(conn *net.TCPConn) { conn.Close() }},
		"the gateway stalls, the context ends":    {cancel: true},
		"the gateway stalls, the client leaves":   {},
		"the gateway stalls, stdin closes first":  {stdin: true},
		"the gateway closes as the client leaves": {gateway: func(conn *net.TCPConn) { conn.Close() }, stdin: true},
	}
	eachMedium(t, func(t *testing.T, medium string) {
		once := func(t *testing.T, end ending, last stage) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reached, ended := make(chan struct{}), make(chan struct{})
			p := startOver(t, ctx, medium, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(last)
				close(reached)
				<-ended
				if end.gateway != nil {
					end.gateway(conn.(*net.TCPConn))
				}
				drain(conn)
			})
			client := newSide(t, p, p)
			client.clientUntil(last)
			<-reached
			close(ended)
			switch {
			case end.cancel:
				cancel()
			case end.stdin:
				p.stdin.Close()
			case end.gateway == nil:
				p.leave()
			}
			if !end.stdin {
				client.r.ReadByte() // a DISCONNECT, or the end
			} else if last == serversNewKeys && end.gateway == nil {
				// There is no need to wait for the five seconds of TestRelayAfterClient here.
				cancel()
			}
			p.leave()
			p.wait(t)
		}
		round := func() {
			t.Run("all", func(t *testing.T) { // returns when all have ended
				for name, end := range endings {
					for _, last := range stages {
						t.Run(name+" after "+last.String(), func(t *testing.T) {
							t.Parallel()
							once(t, end, last)
						})
					}
				}
			})
		}
		warm.Do(round) // things made only once are kept
		before := holds(t)
		round()
		expectReturned(t, before)
	})
}

// When the context ends, everything ends, whatever the pipes and the sockets are doing.
func TestContextInTheSession(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	cause := errors.New("enough")
	for name, full := range map[string]struct{ up, down bool }{
		"idle":                      {false, false},
		"the gateway reads nothing": {up: true},
		"the client reads nothing":  {down: true},
		"nobody reads":              {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			eachMedium(t, func(t *testing.T, medium string) {
				t.Parallel()
				ctx, cancel := context.WithCancelCause(t.Context())
				reached, ended := make(chan struct{}), make(chan struct{})
				p := startOver(t, ctx, medium, func(conn net.Conn) {
					newSide(t, conn, conn).serverUntil(serversNewKeys)
					if full.down {
						fillFromGateway(t, conn)
					}
					close(reached)
					<-ended
				})
				defer close(ended)
				newSide(t, p, p).clientUntil(serversNewKeys)
				<-reached
				if full.up {
					fillFromClient(p.stdin)
				}
				cancel(cause)
				if err := p.wait(t); err != cause {
					t.Errorf("error %v, want %v", err, cause)
				}
			})
		})
	}
}

// fillFromClient writes in the background. It returns when no more is accepted.
func fillFromClient(stdin io.Writer) {
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		for block := someBytes(32 << 10); ; {
			if _, err := stdin.Write(block); err != nil {
				return
			}
			moved <- struct{}{}
		}
	}()
	for {
		select {
		case <-moved:
		case <-time.After(quiet * time.Millisecond):
			go func() { // what the end of the connection still lets through
				for range moved {
				}
			}()
			return
		}
	}
}

// A killed client is not waited for, even if the gateway has stalled in the middle of sending: nobody is left who
// could end the process.
func TestRelayClientLeavesAGatewayThatReadsNothing(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachKernelMedium(t, func(t *testing.T, medium string) {
		t.Parallel()
		r := startRelay(t, medium)
		fill(t, nonBlocking(t, r.stdin))
		r.stdout.Close()
		if err := r.wait(t); err != nil {
			t.Errorf("error %v of a client that went away", err)
		}
	})
}

// A slow gateway still gets everything from a client that has closed its stdin and waits for an answer: the five
// seconds begin when everything is sent.
func TestRelaySlowGatewayGetsEverything(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachMedium(t, func(t *testing.T, medium string) {
		t.Parallel()
		r := startRelay(t, medium)
		sent := someBytes(12 << 20) // more than sockets hold
		go func() {
			r.stdin.Write(sent)
			r.stdin.Close()
		}()
		time.Sleep(afterClient + time.Second)
		// The clock runs from here, or nearly: only what sockets hold is left to be read. So the answer comes before the comparison.
		got := make([]byte, len(sent)+1)
		n, err := io.ReadFull(r.gateway, got)
		io.WriteString(r.gateway, "done")
		r.gateway.Close()
		if err != io.ErrUnexpectedEOF || !bytes.Equal(got[:n], sent) {
			t.Errorf("the gateway reads %d bytes, error %v, want %d", n, err, len(sent))
		}
		if got, _ := io.ReadAll(r.stdout); string(got) != "done" {
			t.Errorf("the client reads %q", got)
		}
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
	})
}
