package proxycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
)

func TestDialHost(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	const nobody, silent, good = "nobody", "silent", "good"
	for _, c := range []struct {
		name, host string
		at         map[string]string // what is at the addresses
		want       string            // the address that wins
		slow       bool              // one address must be waited for
	}{
		{name: "one", host: "127.0.0.1", at: map[string]string{"127.0.0.1": good}, want: "127.0.0.1"},
		{name: "one by name", host: "one.test", at: map[string]string{"127.0.0.1": good}, want: "127.0.0.1"},
		{name: "the second refuses", host: "two.test", at: map[string]string{"127.0.0.2": good, "127.0.0.1": nobody}, want: "127.0.0.2"},
		{name: "the first refuses", host: "two.test", at: map[string]string{"127.0.0.2": nobody, "127.0.0.1": good}, want: "127.0.0.1"},
		{name: "two refuse", host: "three.test", at: map[string]string{"127.0.0.3": nobody, "127.0.0.2": nobody, "127.0.0.1": good}, want: "127.0.0.1"},
		{name: "the first is silent", host: "two.test", at: map[string]string{"127.0.0.2": silent, "127.0.0.1": good}, want: "127.0.0.1", slow: true},
		{name: "two are silent", host: "three.test", at: map[string]string{"127.0.0.3": silent, "127.0.0.2": silent, "127.0.0.1": good}, want: "127.0.0.1", slow: true},
		{name: "silent, refused, good", host: "three.test", at: map[string]string{"127.0.0.3": silent, "127.0.0.2": nobody, "127.0.0.1": good}, want: "127.0.0.1", slow: true},
		{name: "refused, good, silent", host: "three.test", at: map[string]string{"127.0.0.3": nobody, "127.0.0.2": good, "127.0.0.1": silent}, want: "127.0.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var port uint16 // the same everywhere; the first address chooses it
			for _, a := range slices.Sorted(maps.Keys(c.at)) {
				switch what := c.at[a]; what {
				case nobody:
					_, port = test.TakePort(t, a, port)
				case silent:
					port = test.BlackHole(t, a, port)
				case good:
					fd, p := test.TakePort(t, a, port)
					if port = p; syscall.Listen(fd, 5) != nil {
						t.Fatal("cannot listen")
					}
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
			defer cancel()
			began := time.Now()
			conn, err := dialHost(ctx, c.host, port, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.RemoteAddr().(*net.TCPAddr).IP.String(); got != c.want {
				t.Errorf("connected to %s, want %s", got, c.want)
			}
			// The silent one was tried first, and had its time.
			if took := time.Since(began); c.slow && took < attemptDelay {
				t.Errorf("connected after %v, before the delay of %v", took, attemptDelay)
			}
		})
	}
}

func TestDialHostRefused(t *testing.T) {
	_, port := test.TakePort(t, "127.0.0.1", 0)
	test.TakePort(t, "127.0.0.2", port)
	for host, want := range map[string]string{
		"127.0.0.1": "connect: connection refused",
		"two.test":  fmt.Sprintf("127.0.0.2:%d: connect: connection refused; 127.0.0.1:%d: connect: connection refused", port, port),
	} {
		conn, err := dialHost(t.Context(), host, port, nil)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, error %v, want %s", host, conn, err, want)
		}
	}
}

// One clock bounds the whole race, and the error names it.
func TestDialHostSilent(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	port := test.BlackHole(t, "127.0.0.1", 0)
	test.BlackHole(t, "127.0.0.2", port)
	for _, host := range []string{"127.0.0.1", "two.test"} {
		for range 10 {
			g := testGateway(port, pinnedKey)
			g.Address = config.Address{User: "ssh", Host: host, Port: port}
			p := start(t, t.Context(), g, Options{Timeout: 50 * time.Millisecond})
			client := newSide(t, p, p)
			client.line()
			_, text := client.expectDisconnect()
			p.stdin.Close()
			err := p.wait(t)
			if want := fmt.Sprintf("cannot connect to %s:%d: no answer within 50ms", host, port); err == nil || err.Error() != want || text != want {
				t.Errorf("error %v, text %q, want %s", err, text, want)
			}
		}
	}
}

// A session that has been idle for long checks whether the gateway is still there, even behind a proxy: ssh cannot do
// that on a pipe.
func TestKeepAlive(t *testing.T) {
	for scheme, grant := range map[string]func(net.Conn){
		"":       func(net.Conn) {},
		"http":   func(conn net.Conn) { readHeader(t, conn); io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") },
		"socks5": func(conn net.Conn) { new(socksProxy).serveConn(t, conn) },
	} {
		t.Run(scheme, func(t *testing.T) {
			address := config.Address{Host: "127.0.0.1", Port: serve(t, func(conn net.Conn) {
				grant(conn)
				drain(conn)
			})}
			var v config.Via
			if scheme != "" {
				v = via(t, scheme+"://127.0.0.1:%d", address.Port)
			}
			conn, err := dial(t.Context(), address, v, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			raw, err := conn.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) {
				for _, option := range []struct {
					name              string
					level, key, value int
				}{
					{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
					{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 60},
					{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 15},
					{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 4},
				} {
					got, err := syscall.GetsockoptInt(int(fd), option.level, option.key)
					if err != nil || got != option.value {
						t.Errorf("%s is %d, error %v, want %d", option.name, got, err, option.value)
					}
				}
			})
		})
	}
}

// mute turns a listening port into one that neither answers nor refuses.
func mute(t *testing.T, l net.Listener) {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue takes every connection")
}

// Whichever family works is found. If the other is dead, that costs less than 400 ms.
func TestDialFamilies(t *testing.T) {
	test.Slow(t)
	const six, four = "[::1]", "127.0.0.1"
	for _, test := range []struct{ name, host, at, dead, refuses string }{
		{name: "IPv4 only", host: "one.test", at: four},
		{name: "IPv6 only", host: "six.test", at: six},
		{name: "IPv6 only, by address", host: "::1", at: six},
		{name: "both, of which IPv6 is preferred", host: "dual.test", at: six, refuses: four},
		{name: "both, IPv6 is refused", host: "dual.test", at: four, refuses: six},
		{name: "both, IPv6 is unreachable", host: "lost.test", at: four},
		{name: "both, IPv6 is dead", host: "dual.test", at: four, dead: six},
		{name: "both, IPv4 is dead", host: "dual.test", at: six, dead: four},
	} {
		t.Run(test.name, func(t *testing.T) {
			var l net.Listener
			for l == nil {
				first, err := net.Listen("tcp", test.at+":0")
				if err != nil {
					t.Skip(err) // a machine without IPv6
				}
				t.Cleanup(func() { first.Close() })
				other := test.dead + test.refuses
				if l = first; other == "" {
					break
				}
				second, err := net.Listen("tcp", fmt.Sprintf("%s:%d", other, port(first)))
				switch {
				case errors.Is(err, syscall.EADDRINUSE):
					l = nil
				case err != nil:
					t.Fatal(err)
				case test.dead != "":
					t.Cleanup(func() { second.Close() })
					mute(t, second)
				default:
					second.Close()
				}
			}
			// The best of several attempts shows the cost: this machine may be busy.
			best := time.Hour
			for range 5 {
				began := time.Now()
				conn, err := dialHost(t.Context(), test.host, port(l), nil)
				took := time.Since(began)
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.RemoteAddr().String(); got != l.Addr().String() {
					t.Errorf("connected to %s, want %s", got, l.Addr())
				}
				conn.Close()
				if best = min(best, took); best < 400*time.Millisecond {
					break
				}
			}
			if best >= 400*time.Millisecond {
				t.Errorf("%v are lost", best)
			}
		})
	}
}

func TestDialFailureOfOneKind(t *testing.T) {
	op := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22}, Err: syscall.EHOSTUNREACH}
	for want, failures := range map[string][]error{
		"no route to host":                       {op},
		"127.0.0.1:22: no route to host; broken": {op, fmt.Errorf("broken")},
	} {
		if got := dialFailure(failures); got.Error() != want || strings.Contains(got.Error(), "\n") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
