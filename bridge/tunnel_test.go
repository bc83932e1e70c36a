//go:build unix

package bridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// tunnelled returns a local connection that a tunnel carries to an address, and the result of carrying it.
func tunnelled(t *testing.T, tunnel *Tunnel, ctx context.Context, address string) (near *net.TCPConn, carried <-chan error) {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	taken := make(chan struct{})
	entrance := listen(t, func(c *net.TCPConn) {
		close(taken)
		done <- tunnel.Carry(ctx, c, host, uint16(port))
	})
	c, err := net.Dial("tcp", entrance)
	if err != nil {
		t.Fatal(err)
	}
	<-taken
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(test.Patience))
	return c.(*net.TCPConn), done
}

// A tunnel carries connections through a shell and through an outpost, to the end of both directions.
func TestTunnel(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) Options{
		"shell":   func(t *testing.T) Options { o, _ := instanceShell(t, "exec bash\n"); return o },
		"outpost": func(t *testing.T) Options { o, _, _ := instanceWithOutpost(t, "exec bash\n"); return o },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tunnel := NewTunnel(start(t))
			defer tunnel.Close()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()

			data := make([]byte, 1<<20)
			rand.Read(data)
			near, carried := tunnelled(t, tunnel, ctx, listen(t, func(c *net.TCPConn) { io.Copy(c, c); c.CloseWrite() }))
			go func() {
				near.Write(data)
				near.CloseWrite()
			}()
			if got, err := io.ReadAll(near); err != nil || string(got) != string(data) {
				t.Errorf("%d bytes come back of %d, %v", len(got), len(data), err)
			}
			if err := <-carried; err != nil {
				t.Error(err)
			}

			near, carried = tunnelled(t, tunnel, ctx, reservedAddress(t))
			if err := <-carried; err == nil || !strings.Contains(strings.ToLower(err.Error()), "connection refused") {
				t.Errorf("to nobody: %v", err)
			}
			if n, err := near.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("from nobody comes %d, %v", n, err)
			}

			// The connection ends when its peer is gone, and when everything ends. On the instance it ends with
			// the session; this instance's shell has no session that would end what it has started.
			ends := make(chan struct{}, 2)
			hold := listen(t, func(c *net.TCPConn) {
				io.WriteString(c, "hello")
				io.Copy(io.Discard, c)
				ends <- struct{}{}
			})
			near, carried = tunnelled(t, tunnel, ctx, hold)
			if _, err := io.ReadFull(near, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			near.SetLinger(0) // a reset
			near.Close()
			<-carried
			near, carried = tunnelled(t, tunnel, ctx, hold)
			if _, err := io.ReadFull(near, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			cancel()
			<-carried
			if name == "outpost" {
				<-ends
				<-ends
			}
		})
	}
}

// A client that is killed resets its connection. What it was connected to hears of the end, so that a database does
// not keep its session.
func TestTunnelReset(t *testing.T) {
	t.Parallel()
	o, _, _ := instanceWithOutpost(t, "exec bash\n")
	tunnel := NewTunnel(o)
	defer tunnel.Close()
	asked, ended := make(chan struct{}), make(chan struct{})
	near, carried := tunnelled(t, tunnel, context.Background(), listen(t, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 3))
		close(asked)
		io.Copy(io.Discard, c)
		close(ended)
	}))
	if _, err := io.WriteString(near, "ask"); err != nil {
		t.Fatal(err)
	}
	test.Within(t, "what the client sent", asked)
	near.SetLinger(0)
	near.Close()
	test.Within(t, "its end", ended)
	if err := test.Within(t, "the end of the connection", carried); err != nil {
		t.Error(err)
	}
}

// A relay counts from its start: a client cannot have more of them by connecting to places that do not answer.
func TestRelaysThatStartCount(t *testing.T) {
	t.Parallel()
	silent := fmt.Sprintf("127.0.0.1:%d", test.BlackHole(t, "127.0.0.1", 0))
	o, _ := instanceShell(t, "exec bash\n")
	tunnel := NewTunnel(o)
	defer tunnel.Close()
	relays := &tunnel.forwards.relays
	relays.Store(maxRelays - 1)
	ctx, cancel := context.WithCancel(context.Background())
	_, first := tunnelled(t, tunnel, ctx, silent)
	test.Eventually(t, "the first relay starts", func() bool { return relays.Load() == maxRelays })
	_, second := tunnelled(t, tunnel, ctx, silent)
	if err := test.Within(t, "an answer", second); err != errTooMany {
		t.Errorf("one relay too many: %v", err)
	}
	cancel()
	if err := test.Within(t, "the end", first); err != context.Canceled {
		t.Error(err)
	}
	if n := relays.Load(); n != maxRelays-1 {
		t.Errorf("%d relays are counted, not %d", n, maxRelays-1)
	}
}

func TestTunnelRefuses(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	o.Application, o.Instance = true, All
	tunnel := NewTunnel(o)
	defer tunnel.Close()
	_, carried := tunnelled(t, tunnel, context.Background(), "127.0.0.1:1")
	if err := <-carried; err == nil || err.Error() != (&AllError{"a tunnel"}).Error() {
		t.Errorf("to all: %v", err)
	}
	for _, host := range []string{"", "-e", "a b", "$(touch here)", "/run/socket", "a\nb", "::1%lo"} {
		_, carried := tunnelled(t, tunnel, context.Background(), net.JoinHostPort(host, "1"))
		if err := <-carried; err == nil || !strings.Contains(err.Error(), "not a host name") {
			t.Errorf("%q: %v", host, err)
		}
	}
	_, carried = tunnelled(t, tunnel, context.Background(), "localhost:0")
	if err := <-carried; err == nil || !strings.Contains(err.Error(), "the port must be between") {
		t.Errorf("port 0: %v", err)
	}
}
