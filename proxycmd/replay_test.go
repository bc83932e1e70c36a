package proxycmd

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// actor plays one side of a recording over a real connection. It waits for what that side waited for, and for nothing
// else.
type actor struct {
	server bool
	w      io.Writer
	chunk  func([]byte, *rand.Rand) [][]byte

	mu   sync.Mutex
	more *sync.Cond
	got  []byte
	end  bool
}

func newActor(server bool, r io.Reader, w io.Writer, chunk func([]byte, *rand.Rand) [][]byte) *actor {
	a := &actor{server: server, w: w, chunk: chunk}
	a.more = sync.NewCond(&a.mu)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := r.Read(buffer)
			a.mu.Lock()
			a.got = append(a.got, buffer[:n]...)
			a.end = err != nil
			a.mu.Unlock()
			a.more.Broadcast()
			if err != nil {
				return
			}
		}
	}()
	return a
}

// has waits until the other side has sent n bytes, and returns false if it never does. A negative n waits for its
// end.
func (a *actor) has(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.end && (n < 0 || len(a.got) < n) {
		a.more.Wait()
	}
	return n >= 0 && len(a.got) >= n
}

func (a *actor) received() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return bytes.Clone(a.got)
}

// play sends this side's messages, and data after them, and waits for the other side's. What need not wait is sent
// together.
func (a *actor) play(r recording, behind []byte) {
	random := rand.New(rand.NewPCG(3, 4))
	var pending []byte
	flush := func() {
		for _, chunk := range a.chunk(pending, random) {
			a.w.Write(chunk)
		}
		pending = nil
	}
	waits := 0 // for how many of the other side's bytes
	for _, m := range r.messages {
		if m.server != a.server {
			// The server's NEWKEYS may come before the client's, which does not wait for it.
			if !m.server || m.number != msgNewKeys {
				waits += len(m.raw)
			}
			continue
		}
		// Nobody holds back an identification or a KEXINIT.
		if m.number != 0 && m.number != msgKexInit && len(a.received()) < waits {
			flush()
			if !a.has(waits) {
				return
			}
		}
		pending = append(pending, m.raw...)
	}
	pending = append(pending, behind...)
	flush()
	a.has(len(r.stream(!a.server)) + len(behind))
}

// Recorded handshakes, over a real connection. With the recorded key pinned they go through unchanged; with another,
// the client sees nothing that depends on a key.
func TestRecordedConnections(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	behind := bytes.Repeat([]byte("ciphertext"), 10)
	ways := slices.Sorted(maps.Keys(chunkings))
	for i, r := range mustRecordings(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			// TestRecordedConversations has each in every chunking; what a real connection adds is the same for all.
			name := ways[i%len(ways)]
			chunk := chunkings[name]
			played := make(chan *actor, 1)
			port := serve(t, func(conn net.Conn) {
				server := newActor(true, conn, conn, chunk)
				server.play(r, behind)
				played <- server
				server.has(-1)
			})
			connect := func(hostKey string) (*actor, *pipes, string) {
				file := filepath.Join(t.TempDir(), "known_hosts")
				p := start(t, t.Context(), testGateway(port, hostKey), Options{KnownHosts: file, Timeout: test.Patience})
				return newActor(false, p, p, chunk), p, file
			}

			client, p, file := connect(string(r.hostKeyBlob()))
			client.play(r, behind)
			server := <-played
			p.stdin.Close()
			client.has(-1)
			if err := p.wait(t); err != nil {
				t.Errorf("%s: error %v", name, err)
			}
			if got := client.received(); !bytes.Equal(got, append(r.stream(true), behind...)) {
				t.Errorf("%s: the client is shown %q", name, got)
			}
			if got := server.received(); !bytes.Equal(got, append(r.stream(false), behind...)) {
				t.Errorf("%s: the server is sent %q", name, got)
			}
			if got, _ := os.ReadFile(file); string(got) != lineOf("clever-ssh-test", string(r.hostKeyBlob())) {
				t.Errorf("%s: known_hosts has %q", name, got)
			}

			var before []byte
			for _, m := range r.messages {
				if m.server && (m.number == 0 || m.number == msgKexInit || m.number == msgGexGroup && r.method == gexMethod) {
					before = append(before, m.raw...)
				}
			}
			client, p, file = connect(unpinnedKey)
			go client.play(r, behind)
			client.has(len(before) + 1)
			p.stdin.Close() // as clients do that are told why
			var refused *HostKeyError
			if err := p.wait(t); !errors.As(err, &refused) || refused.Found != r.pin() {
				t.Errorf("%s, another pin: error %v", name, err)
			}
			client.has(-1)
			<-played
			shown, ok := bytes.CutPrefix(client.received(), before)
			if packet, payload := cutPacket(shown); !ok || len(packet) != len(shown) || len(packet) == 0 || payload[0] != msgDisconnect || payload[4] != 9 {
				t.Errorf("%s, another pin: the client is shown %q", name, client.received())
			}
			if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s, another pin: known_hosts: %v", name, err)
			}
		})
	}
}

// firstRecording returns the first recording of a method.
func firstRecording(t *testing.T, method string) recording {
	t.Helper()
	list := mustRecordings(t)
	i := slices.IndexFunc(list, func(r recording) bool { return r.method == method })
	if i < 0 {
		t.Fatalf("no recording of %s", method)
	}
	return list[i]
}

// A server that sends a byte per second has as much time as one that sends nothing, wherever it is slow up to its
// reply. After that no clock runs, and none ever runs while the client is slow.
func TestByteAtATimeAgainstTheClock(t *testing.T) {
	for _, method := range []string{"curve25519-sha256", gexMethod} {
		r := firstRecording(t, method)
		messages := early(r, true) // or the server's clock would run while the client is slow
		for slow, m := range messages {
			t.Run(method+"/"+m.String()[:min(len(m.String()), 24)], func(t *testing.T) {
				pause := time.Hour
				if m.server && m.number != msgNewKeys {
					pause = time.Second
				}
				var took time.Duration
				c := converse(t, [][]byte{r.hostKeyBlob()}, func(c *conversing) {
					for _, other := range messages[:slow] {
						c.deliver(delivery{other.server, other.raw})
					}
					begin := time.Now()
					for i := range m.raw {
						time.Sleep(pause)
						c.deliver(delivery{m.server, m.raw[i : i+1]})
					}
					select {
					case <-c.done:
					default:
						for _, other := range messages[slow+1:] {
							c.deliver(delivery{other.server, other.raw})
						}
						took = time.Since(begin)
						// An established connection may be idle for as long as its sides like.
						time.Sleep(24 * time.Hour)
						c.deliver(delivery{false, []byte("ping")})
						time.Sleep(24 * time.Hour)
						c.deliver(delivery{true, []byte("pong")})
						return
					}
					for _, o := range c.log {
						if o.what == shown {
							took = o.at.Sub(begin)
						}
					}
				})
				// Only the identification fits into the time.
				if pause == time.Hour || m.number == 0 {
					if c.err != nil || !bytes.HasSuffix(c.toServer, []byte("ping")) || !bytes.HasSuffix(c.toClient(), []byte("pong")) {
						t.Errorf("error %v after %v", c.err, took)
					}
					return
				}
				if !errors.Is(c.err, ErrTimeout) || took != DefaultTimeout {
					t.Errorf("error %v after %v", c.err, took)
				}
				if bytes.Contains(c.toClient(), m.raw[:len(m.raw)/2]) {
					t.Error("the client was shown half a message")
				}
			})
		}
	}
}

// A server that says nothing gets as much time as documented.
func TestSilence(t *testing.T) {
	var began time.Time
	c := converse(t, nil, func(c *conversing) {
		began = time.Now()
		c.deliver(delivery{false, []byte(clientLine)})
		<-c.done
	})
	if !errors.Is(c.err, ErrTimeout) || !strings.Contains(c.err.Error(), "did not answer within 30s") {
		t.Errorf("error %v", c.err)
	}
	if last := c.log[len(c.log)-1]; last.what != shown || last.at.Sub(began) != DefaultTimeout {
		t.Errorf("the last to happen was %v, after %v", last.what, last.at.Sub(began))
	}
}

// The same with a real clock and a real connection.
func TestTrickle(t *testing.T) {
	const timeout, pause = 500 * time.Millisecond, 50 * time.Millisecond
	trickle := func(w io.Writer, b []byte) {
		for i := range b {
			time.Sleep(pause)
			if _, err := w.Write(b[i : i+1]); err != nil {
				return
			}
		}
	}
	for _, test := range []struct {
		stage stage // the stage before which the server becomes slow
		slow  []byte
	}{
		{identified, []byte("SSH-2.0-" + string(bytes.Repeat([]byte("x"), 100)) + "\r\n")},
		{initialized, newPacket(methodsInit("curve25519-sha256", false))},
		{replied, newPacket(replyPayload(msgKexReply, pinnedKey))},
	} {
		t.Run("before "+test.stage.String(), func(t *testing.T) {
			t.Parallel()
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(test.stage - 1)
				trickle(conn, test.slow)
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: timeout})
			client := newSide(t, p, p)
			switch test.stage {
			case identified:
				if line := client.line(); line != ourIdentification {
					t.Errorf("the client reads %q", line)
				}
			default:
				client.clientUntil(test.stage - 1)
			}
			client.expectDisconnect()
			p.stdin.Close()
			if err := p.wait(t); !errors.Is(err, ErrTimeout) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("after NEWKEYS", func(t *testing.T) {
		t.Parallel()
		text := bytes.Repeat([]byte("x"), int(2*timeout/pause))
		g := testGateway(serve(t, func(conn net.Conn) {
			s := newSide(t, conn, conn)
			s.serverUntil(serversNewKeys)
			trickle(conn, text)
			io.Copy(conn, s.r)
		}), pinnedKey)
		p := start(t, t.Context(), g, Options{Timeout: timeout})
		client := newSide(t, p, p)
		client.clientUntil(serversNewKeys)
		go func() {
			trickle(p, text)
			p.stdin.Close()
		}()
		if got, _ := io.ReadAll(client.r); len(got) != 2*len(text) {
			t.Errorf("%d bytes came, want %d", len(got), 2*len(text))
		}
		if err := p.wait(t); err != nil {
			t.Error(err)
		}
	})
}

// Everything in one write: each side says at once whatever it may say without an answer.
func TestEverythingInOneWrite(t *testing.T) {
	const behind = "ciphertext"
	init := newPacket(methodsInit("curve25519-sha256", true))
	g := testGateway(serve(t, func(conn net.Conn) {
		s := newSide(t, conn, conn)
		s.line()
		s.expect(msgKexInit)
		s.expect(msgKexRequest)
		conn.Write(slices.Concat([]byte(serverLine), framed([][]byte{
			methodsInit("curve25519-sha256", false), replyPayload(msgKexReply, pinnedKey), {msgNewKeys},
		}), []byte(behind)))
		s.expect(msgNewKeys)
		if b, _ := io.ReadAll(s.r); string(b) != behind {
			t.Errorf("the server reads %q", b)
		}
	}), pinnedKey)
	p := start(t, t.Context(), g, Options{Timeout: test.Patience})
	client := newSide(t, p, p)
	go p.Write(slices.Concat([]byte(clientLine), init, newPacket([]byte{msgKexRequest, 'e'})))
	client.line()
	client.expect(msgKexInit)
	client.expect(msgKexReply)
	go p.Write(append(newPacket([]byte{msgNewKeys}), behind...))
	client.expect(msgNewKeys)
	if b, err := io.ReadFull(client.r, make([]byte, len(behind))); err != nil {
		t.Errorf("the client reads %d bytes: %v", b, err)
	}
	p.stdin.Close()
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
}
