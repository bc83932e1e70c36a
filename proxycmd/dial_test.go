package proxycmd

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"

	"golang.org/x/net/dns/dnsmessage"
)

// via makes the address of a proxy at a loopback port.
func via(t *testing.T, format string, port uint16) config.Via {
	t.Helper()
	v, err := config.ParseVia(fmt.Sprintf(format, port))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hosts are the ones that the process can find, by name. No query leaves it.
var hosts = map[string][]string{
	"one.test":   {"127.0.0.1"},
	"two.test":   {"127.0.0.2", "127.0.0.1"},
	"three.test": {"127.0.0.3", "127.0.0.2", "127.0.0.1"},
	"six.test":   {"::1"},
	"both.test":  {"127.0.0.2", "127.0.0.1", "127.0.0.3", "::1", "::1"},
	"dual.test":  {"127.0.0.1", "::1"},
	"lost.test":  {"127.0.0.1", "fe80::1"}, // a link-local address without its link leads nowhere
	"none.test":  {},
}

func init() {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if answer := answerDNS(theirs); answer != nil {
				theirs.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
		}()
		return ours, nil
	}}
}

// answerDNS reads one question, as DNS frames it on a stream, and answers it.
func answerDNS(r io.Reader) []byte {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	var m dnsmessage.Message
	if _, err := io.ReadFull(r, question); err != nil || m.Unpack(question) != nil {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	addresses, known := hosts[strings.TrimSuffix(q.Name.String(), ".")]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, s := range addresses {
		a := netip.MustParseAddr(s)
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		host string
		want []string
	}{
		{"127.0.0.1", []string{"127.0.0.1"}},
		{"::1", []string{"::1"}},
		{"two.test", []string{"127.0.0.2", "127.0.0.1"}},
		{"six.test", []string{"::1"}},
		// the families alternate, beginning with the one that the system prefers
		{"both.test", []string{"::1", "127.0.0.2", "::1", "127.0.0.1", "127.0.0.3"}},
	} {
		got, err := lookup(t.Context(), test.host)
		var list []string
		for _, a := range got {
			list = append(list, a.String())
		}
		if err != nil || !slices.Equal(list, test.want) {
			t.Errorf("lookup(%q) = %q, %v, want %q", test.host, list, err, test.want)
		}
	}
	for _, host := range []string{"none.test", "unknown.test"} {
		got, err := lookup(t.Context(), host)
		if err == nil || !strings.Contains(err.Error(), "lookup "+host) || !strings.Contains(err.Error(), "no such host") {
			t.Errorf("lookup(%q) = %v, %v", host, got, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrNoProgress)
	if got, err := lookup(ctx, "two.test"); err != io.ErrNoProgress {
		t.Errorf("with an ended context %v, %v", got, err)
	}
}

func TestUnknownHost(t *testing.T) {
	g := testGateway(22, pinnedKey)
	g.Address.Host = "gateway.test"
	p := start(t, t.Context(), g, Options{Timeout: test.Patience})
	client := newSide(t, p, p)
	if line := client.line(); line != ourIdentification {
		t.Errorf("the client reads %q", line)
	}
	reason, text := client.expectDisconnect()
	p.stdin.Close()
	err := p.wait(t)
	if e := new(DialError); !errors.As(err, &e) || e.Address != "gateway.test:22" || e.Via != "" || text != err.Error() || reason != 11 {
		t.Fatalf("error %v, reason %d, text %q", err, reason, text)
	}
	if !strings.HasPrefix(err.Error(), "cannot connect to gateway.test:22: lookup gateway.test") || !strings.HasSuffix(err.Error(), ": no such host") {
		t.Errorf("error %v", err)
	}
}

// dialVia dials gateway.test:2222, which only the proxy knows, and returns the first bytes from there.
func dialVia(t *testing.T, v config.Via, n int) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	conn, err := dial(ctx, config.Address{Host: "gateway.test", Port: 2222}, v, nil)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// The deadlines of dialling are not those of the session.
	cancel()
	got := make([]byte, n)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(conn, "ping"); err != nil {
		t.Error(err)
	}
	conn.CloseWrite()
	if rest, err := io.ReadAll(conn); string(rest) != "ping" || err != nil {
		t.Errorf("%q came back, error %v", rest, err)
	}
	return string(got), nil
}

// banner is what the gateway says first. It arrives in one segment with the proxy's answer.
const banner = "SSH-2.0-gateway\r\n"

func TestHTTPProxy(t *testing.T) {
	header := func(n int) string { // an answer of n bytes
		const start, end = "HTTP/1.1 200 OK\r\nX: ", "\r\n\r\n"
		return start + strings.Repeat("x", n-len(start)-len(end)) + end
	}
	for _, test := range []struct{ name, answer, err string }{
		{name: "200", answer: "HTTP/1.1 200 OK\r\n\r\n"},
		{name: "HTTP 1.0", answer: "HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n"},
		{name: "line feeds alone", answer: "HTTP/1.1 200 OK\nX: y\n\n"},
		{name: "no reason", answer: "HTTP/1.1 200\r\n\r\n"},
		{name: "204", answer: "HTTP/1.1 204 No Content\r\n\r\n"},
		{name: "a length that means nothing", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{name: "16 KiB", answer: header(16 << 10)},
		{name: "16 KiB and a byte", answer: header(16<<10 + 1), err: "the proxy's answer is too long"},
		{name: "403", answer: "HTTP/1.1 403 Forbidden\r\n\r\n", err: `the proxy refused: "HTTP/1.1 403 Forbidden"`},
		{name: "407 with a body", answer: "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 6\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", err: "407 Proxy"},
		{name: "301", answer: "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n", err: "301 Moved"},
		{name: "100", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", err: "100 Continue"},
		{name: "2000", answer: "HTTP/1.1 2000 OK\r\n\r\n", err: "2000"},
		{name: "20", answer: "HTTP/1.1 20 OK\r\n\r\n", err: "refused"},
		{name: "escapes", answer: "HTTP/1.1 502 \x1b[2J\x07\r\n\r\n", err: `"HTTP/1.1 502 \x1b[2J\a"`},
		{name: "no status", answer: "HTTP/1.1\r\n\r\n", err: `the proxy answered "HTTP/1.1", which is not HTTP`},
		{name: "HTTP 2", answer: "HTTP/2 200 OK\r\n\r\n", err: "which is not HTTP"},
		{name: "an SSH server", answer: "SSH-2.0-x\r\n\r\n", err: "which is not HTTP"},
		{name: "an empty line", answer: "\r\n\r\n", err: `the proxy answered "", which is not HTTP`},
		{name: "nothing", answer: "", err: "the proxy closed the connection"},
		{name: "cut off", answer: "HTTP/1.1 200 OK\r\n", err: "the proxy closed the connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := make(chan string, 1)
			v := via(t, "http://127.0.0.1:%d", serve(t, func(conn net.Conn) {
				request <- readHeader(t, conn)
				if test.err != "" {
					io.WriteString(conn, test.answer)
					conn.(*net.TCPConn).CloseWrite()
					drain(conn)
					return
				}
				io.WriteString(conn, test.answer+banner)
				io.Copy(conn, conn)
			}))
			got, err := dialVia(t, v, len(banner))
			if test.err == "" && (err != nil || got != banner) {
				t.Errorf("%q, error %v", got, err)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !printable(err.Error())) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
			if test.err != "" && strings.Contains(err.Error(), "EOF") {
				t.Errorf("%v: nobody knows what EOF is", err)
			}
			if got, want := <-request, "CONNECT gateway.test:2222 HTTP/1.1\r\nHost: gateway.test:2222\r\n\r\n"; got != want {
				t.Errorf("the proxy is sent %q, want %q", got, want)
			}
		})
	}
}

// readHeader reads an HTTP header to its end, and no further.
func readHeader(t *testing.T, r io.Reader) string {
	var header []byte
	for c := make([]byte, 1); !strings.HasSuffix(string(header), "\r\n\r\n"); header = append(header, c[0]) {
		if _, err := r.Read(c); err != nil {
			t.Errorf("after %q: %v", header, err)
			break
		}
	}
	return string(header)
}

// A proxy that never stops sending must not fill the memory.
func TestHTTPProxyWithoutEnd(t *testing.T) {
	for _, line := range []string{"x", "X: y\r\n"} {
		v := via(t, "http://127.0.0.1:%d", serve(t, func(conn net.Conn) {
			go drain(conn)
			for {
				if _, err := io.WriteString(conn, strings.Repeat(line, 1000)); err != nil {
					return
				}
			}
		}))
		if got, err := dialVia(t, v, 0); err == nil || !strings.Contains(err.Error(), "the proxy's answer is too long") {
			t.Errorf("%q, error %v", got, err)
		}
	}
}

func TestHTTPProxyCredentials(t *testing.T) {
	for _, test := range []struct{ user, want string }{
		{"me:secret@", "me:secret"},
		{"me:p%40ss%3Aw%2Frd%20%C3%A9@", "me:p@ss:w/rd é"},
		{"me:%0d%0aX-Injected:%20y@", "me:\r\nX-Injected: y"},
		{"me@", "me:"},
		{":secret@", ":secret"},
	} {
		header := make(chan string, 1)
		v := via(t, "http://"+strings.ReplaceAll(test.user, "%", "%%")+"127.0.0.1:%d", serve(t, func(conn net.Conn) {
			header <- readHeader(t, conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"+banner)
			io.Copy(conn, conn)
		}))
		if got, err := dialVia(t, v, len(banner)); err != nil || got != banner {
			t.Errorf("%q, error %v", got, err)
		}
		want := "CONNECT gateway.test:2222 HTTP/1.1\r\nHost: gateway.test:2222\r\n" +
			"Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(test.want)) + "\r\n\r\n"
		if got := <-header; got != want {
			t.Errorf("the proxy is sent %q, want %q", got, want)
		}
	}
}

// socksProxy is a SOCKS5 proxy that admits one user, or everybody, and grants or refuses.
type socksProxy struct {
	user, password string
	reply          byte     // 0 for success
	asked          []string // the addresses that it was asked for
}

// serveConn handles one connection. The gateway's banner follows in the same segment.
func (s *socksProxy) serveConn(t *testing.T, conn net.Conn) {
	r := bufio.NewReader(conn)
	take := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Errorf("the proxy is sent too little: %v", err)
		}
		return b
	}
	methods := take(int(take(2)[1]))
	method := byte(0)
	if s.user != "" {
		method = 2
	}
	if !slices.Contains(methods, method) {
		conn.Write([]byte{5, 0xff})
		return
	}
	conn.Write([]byte{5, method})
	if method == 2 {
		user := string(take(int(take(2)[1])))
		password := string(take(int(take(1)[0])))
		if user != s.user || password != s.password {
			conn.Write([]byte{1, 1})
			return
		}
		conn.Write([]byte{1, 0})
	}
	request := take(4)
	host := ""
	switch request[3] {
	case 1:
		host = netip.AddrFrom4([4]byte(take(4))).String()
	case 3:
		host = string(take(int(take(1)[0])))
	case 4:
		host = netip.AddrFrom16([16]byte(take(16))).String()
	}
	s.asked = append(s.asked, fmt.Sprintf("%d %s %d", request[1], host, binary.BigEndian.Uint16(take(2))))
	answer := []byte{5, s.reply, 0, 1, 127, 0, 0, 1, 0, 22}
	if s.reply != 0 {
		conn.Write(answer)
		return
	}
	conn.Write(append(answer, banner...))
	io.Copy(conn, r)
}

func TestSOCKSProxy(t *testing.T) {
	for _, test := range []struct {
		name, via, err string
		proxy          socksProxy
	}{
		{name: "open", via: "socks5://127.0.0.1:%d"},
		{name: "password", via: "socks5://me:secret@127.0.0.1:%d", proxy: socksProxy{user: "me", password: "secret"}},
		{name: "password with escapes", via: "socks5://me:p%%40ss%%3A@127.0.0.1:%d", proxy: socksProxy{user: "me", password: "p@ss:"}},
		{name: "password that is not asked for", via: "socks5://me:secret@127.0.0.1:%d"},
		{name: "wrong password", via: "socks5://me:secret@127.0.0.1:%d", proxy: socksProxy{user: "me", password: "other"}, err: "asking the proxy: username/password authentication failed"},
		{name: "no password", via: "socks5://127.0.0.1:%d", proxy: socksProxy{user: "me", password: "secret"}, err: "no acceptable authentication methods"},
		{name: "refused", via: "socks5://me:secret@127.0.0.1:%d", proxy: socksProxy{reply: 5}, err: "connection refused"},
		{name: "not allowed", via: "socks5://127.0.0.1:%d", proxy: socksProxy{reply: 2}, err: "not allowed"},
		{name: "an unknown reply", via: "socks5://127.0.0.1:%d", proxy: socksProxy{reply: 0x99}, err: "unknown code"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := via(t, test.via, serve(t, func(conn net.Conn) { test.proxy.serveConn(t, conn) }))
			got, err := dialVia(t, v, len(banner))
			if test.err == "" && (err != nil || got != banner || !slices.Equal(test.proxy.asked, []string{"1 gateway.test 2222"})) {
				t.Errorf("%q, error %v, the proxy is asked for %q", got, err, test.proxy.asked)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || !printable(err.Error())) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
	for _, host := range []string{"127.0.0.1", "::1"} {
		var proxy socksProxy
		v := via(t, "socks5://127.0.0.1:%d", serve(t, func(conn net.Conn) { proxy.serveConn(t, conn) }))
		conn, err := dial(t.Context(), config.Address{Host: host, Port: 22}, v, nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.CloseWrite()
		drain(conn)
		conn.Close()
		if want := "1 " + host + " 22"; len(proxy.asked) != 1 || proxy.asked[0] != want {
			t.Errorf("the proxy is asked for %q, want %q", proxy.asked, want)
		}
	}
	t.Run("no SOCKS", func(t *testing.T) {
		v := via(t, "socks5://127.0.0.1:%d", serve(t, func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.(*net.TCPConn).CloseWrite()
			drain(conn)
		}))
		if got, err := dialVia(t, v, 0); err == nil || !strings.Contains(err.Error(), "unexpected protocol version") {
			t.Errorf("%q, error %v", got, err)
		}
	})
}

// No message about a proxy holds its password.
func TestProxyErrorsHoldNoPassword(t *testing.T) {
	closed := listen(t)
	closed.Close()
	answers := func(answer string) uint16 {
		return serve(t, func(conn net.Conn) {
			io.WriteString(conn, answer)
			conn.(*net.TCPConn).CloseWrite()
			drain(conn)
		})
	}
	repeats := serve(t, func(conn net.Conn) {
		b := make([]byte, 1000)
		n, _ := conn.Read(b)
		conn.Write(b[:n])
	})
	for _, scheme := range []string{"http", "socks5"} {
		for name, tcpPort := range map[string]uint16{
			"refused":   port(closed),
			"ends":      answers(""),
			"not found": answers("HTTP/1.1 404 Not Found\r\n\r\n"),
			"no method": answers("\x05\xff"),
			"password":  answers("\x05\x02\x01\x01"),
			"repeats":   repeats,
		} {
			t.Run(scheme+"/"+name, func(t *testing.T) {
				g := testGateway(22, pinnedKey)
				g.Via = via(t, scheme+"://me:s3cr3t@127.0.0.1:%d", tcpPort)
				p := start(t, t.Context(), g, Options{Timeout: test.Patience})
				client := newSide(t, p, p)
				client.line()
				_, text := client.expectDisconnect()
				p.stdin.Close()
				err := p.wait(t)
				e := new(DialError)
				if !errors.As(err, &e) || e.Via != fmt.Sprintf("%s://me:xxxxx@127.0.0.1:%d", scheme, tcpPort) {
					t.Fatalf("error %v", err)
				}
				for _, said := range []string{text, err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
					if strings.Contains(said, "s3cr3t") || strings.Contains(said, base64.StdEncoding.EncodeToString([]byte("me:s3cr3t"))) || !printable(said) {
						t.Errorf("%q", said)
					}
				}
				if !strings.HasPrefix(text, "cannot connect to 127.0.0.1:22 via "+e.Via+": ") {
					t.Errorf("the client is sent %q", text)
				}
			})
		}
	}
}

// The time limit for dialling includes the proxy.
func TestSilentProxy(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for _, test := range []struct{ scheme, answer string }{
		{"http", ""}, {"http", "HTTP/1.1 200 OK\r\n"}, {"socks5", ""}, {"socks5", "\x05"}, {"socks5", "\x05\x00\x05\x00\x00"},
	} {
		g := testGateway(22, pinnedKey)
		g.Via = via(t, test.scheme+"://127.0.0.1:%d", serve(t, func(conn net.Conn) {
			io.WriteString(conn, test.answer)
			drain(conn)
		}))
		p := start(t, t.Context(), g, Options{Timeout: 200 * time.Millisecond})
		client := newSide(t, p, p)
		client.line()
		_, text := client.expectDisconnect()
		p.stdin.Close()
		err := p.wait(t)
		want := fmt.Sprintf("cannot connect to 127.0.0.1:22 via %s: no answer within 200ms", g.Via.Redacted())
		if err == nil || err.Error() != want || text != want {
			t.Errorf("%s, %q: error %v, text %q, want %s", test.scheme, test.answer, err, text, want)
		}
	}
}
