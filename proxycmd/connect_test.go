package proxycmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// serve hands each connection to f, and then closes it.
func serve(t *testing.T, f func(net.Conn)) (tcpPort uint16) {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	return port(l)
}

// sshServer is a server made with x/crypto/ssh. It lets everybody in and echoes what arrives on a channel.
type sshServer struct {
	port     uint16
	hostKey  ssh.Signer
	accepted atomic.Int32 // clients that have authenticated
}

func startSSHServer(t *testing.T, methods ...string) *sshServer {
	t.Helper()
	s := new(sshServer)
	_, s.hostKey = test.NewKey(t)
	serverConfig := &ssh.ServerConfig{NoClientAuth: true, Config: ssh.Config{KeyExchanges: methods}}
	serverConfig.AddHostKey(s.hostKey)
	s.port = serve(t, func(conn net.Conn) {
		sshConn, channels, requests, err := ssh.NewServerConn(conn, serverConfig)
		if err != nil {
			return
		}
		s.accepted.Add(1)
		defer sshConn.Close()
		go ssh.DiscardRequests(requests)
		for c := range channels {
			channel, requests, err := c.Accept()
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			go func() {
				io.Copy(channel, channel)
				channel.Close()
			}()
		}
	})
	return s
}

func (s *sshServer) gateway() *config.Gateway {
	return testGateway(s.port, string(s.hostKey.PublicKey().Marshal()))
}

// pipes is the client's end of Connect.
type pipes struct {
	io.Reader // the stdout of Connect
	stdin     io.WriteCloser
	result    chan error
}

// start runs Connect as a client does: Connect's stdout ends once it has returned.
func start(t *testing.T, ctx context.Context, g *config.Gateway, o Options) *pipes {
	t.Helper()
	return startWith(t, ctx, g, o, func(r io.Reader) io.Reader { return r }, func(w io.Writer) io.Writer { return w })
}

func startWith(t *testing.T, ctx context.Context, g *config.Gateway, o Options, reads func(io.Reader) io.Reader, writes func(io.Writer) io.Writer) *pipes {
	stdinReader, stdinWriter := io.Pipe()
	stdoutReader, stdoutWriter := io.Pipe()
	p := &pipes{Reader: stdoutReader, stdin: stdinWriter, result: make(chan error, 1)}
	go func() {
		err := Connect(ctx, g, reads(stdinReader), writes(stdoutWriter), o)
		p.result <- err
		stdoutWriter.Close()
		stdinReader.Close()
	}()
	t.Cleanup(func() {
		stdinWriter.Close()
		stdoutReader.Close()
	})
	return p
}

// wait returns what Connect returned.
func (p *pipes) wait(t *testing.T) error {
	t.Helper()
	return test.Within(t, "the end of Connect", p.result)
}

// The methods of a net.Conn, for x/crypto/ssh.

func (p *pipes) Write(b []byte) (int, error)      { return p.stdin.Write(b) }
func (p *pipes) Close() error                     { return p.stdin.Close() }
func (p *pipes) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 22} }
func (p *pipes) RemoteAddr() net.Addr             { return p.LocalAddr() }
func (p *pipes) SetDeadline(time.Time) error      { return nil }
func (p *pipes) SetReadDeadline(time.Time) error  { return nil }
func (p *pipes) SetWriteDeadline(time.Time) error { return nil }

// writerFunc makes a function a Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// echo sends n bytes over a new channel and checks what comes back.
func echo(t *testing.T, client *ssh.Client, n int) {
	t.Helper()
	channel, requests, err := client.OpenChannel("echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	sent := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(sent)
	go func() {
		channel.Write(sent)
		channel.CloseWrite()
	}()
	got, err := io.ReadAll(channel)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, error %v, want the %d that were sent", len(got), err, n)
	}
}

// Every key exchange of x/crypto/ssh, between its client and its server.
func TestConnect(t *testing.T) {
	test.Slow(t)
	var methods []string
	for _, a := range []ssh.Algorithms{ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()} {
		methods = append(methods, a.KeyExchanges...)
	}
	if len(methods) < 10 {
		t.Errorf("only the methods %q", methods)
	}
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			server := startSSHServer(t, method)
			file := filepath.Join(t.TempDir(), "known_hosts")
			key := server.hostKey.PublicKey().Marshal()
			shown, established := 0, 0
			o := Options{
				KnownHosts:  file,
				Timeout:     test.Patience,
				Established: func() { established++ },
				Warn:        func(err error) { t.Error(err) },
			}
			p := startWith(t, t.Context(), server.gateway(), o, func(r io.Reader) io.Reader { return r }, func(w io.Writer) io.Writer {
				return writerFunc(func(b []byte) (int, error) {
					if bytes.Contains(b, key) {
						shown++
						written, _ := os.ReadFile(file)
						if want := "clever-ssh-test ssh-ed25519 " + base64.StdEncoding.EncodeToString(key) + "\n"; string(written) != want {
							t.Errorf("when the client is shown the host key, known_hosts is %q, want %q", written, want)
						}
					}
					return w.Write(b)
				})
			})
			// The client relies only on known_hosts, and does not read it before this point.
			verify := func(_ string, addr net.Addr, key ssh.PublicKey) error {
				check, err := knownhosts.New(file)
				if err != nil {
					return err
				}
				return check("clever-ssh-test:22", addr, key)
			}
			conn, channels, requests, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{
				User: "ssh", HostKeyCallback: verify, Config: ssh.Config{KeyExchanges: []string{method}},
			})
			if !slices.Contains(singleMethods, method) && method != gexMethod {
				p.stdin.Close()
				refused := p.wait(t)
				for _, err := range []error{err, refused} {
					if err == nil || !strings.Contains(err.Error(), method) || !strings.Contains(err.Error(), "is not one that clever-ssh can check") {
						t.Errorf("error %v", err)
					}
				}
				if shown+established+int(server.accepted.Load()) > 0 {
					t.Errorf("host key shown %d times, established %d, accepted %d", shown, established, server.accepted.Load())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			client := ssh.NewClient(conn, channels, requests)
			size := 64 << 10
			if method == ssh.KeyExchangeCurve25519 {
				size = 4 << 20 // after the key exchange, all are the same
			}
			echo(t, client, size)
			client.Close()
			if err := p.wait(t); err != nil {
				t.Error(err)
			}
			if established != 1 || shown != 1 {
				t.Errorf("established %d times, the host key was shown %d times", established, shown)
			}
		})
	}
}

func TestConnectRefusesUnpinnedHostKey(t *testing.T) {
	server := startSSHServer(t)
	for _, worded := range []bool{false, true} {
		g := testGateway(server.port, pinnedKey)
		file := filepath.Join(t.TempDir(), "known_hosts")
		o := Options{KnownHosts: file, Timeout: test.Patience, Established: func() { t.Error("established") }, Warn: func(err error) { t.Error(err) }}
		if worded {
			o.Refused = func(err error) string {
				if !errors.As(err, new(*HostKeyError)) {
					t.Errorf("the reason is asked for %v", err)
				}
				return "see the hint"
			}
		}
		var shown bytes.Buffer
		p := start(t, t.Context(), g, o)
		p.Reader = io.TeeReader(p.Reader, &shown)
		_, _, _, clientErr := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{
			User: "ssh", HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error {
				t.Error("the client is shown the host key")
				return nil
			},
		})
		err := p.wait(t)
		var wrong *HostKeyError
		if !errors.As(err, &wrong) || wrong.Found != config.Fingerprint(server.hostKey.PublicKey().Marshal()) {
			t.Fatalf("error %v", err)
		}
		reason := err.Error()
		if worded {
			reason = "see the hint"
		}
		if want := fmt.Sprintf("disconnect, reason 9: %q", reason); clientErr == nil || !strings.Contains(clientErr.Error(), want) {
			t.Errorf("the client says %v, want %s", clientErr, want)
		}
		if bytes.Contains(shown.Bytes(), server.hostKey.PublicKey().Marshal()) {
			t.Error("the client was sent the host key")
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("known_hosts: %v", err)
		}
	}
	if n := server.accepted.Load(); n > 0 {
		t.Errorf("%d clients have authenticated", n)
	}
}

// Messages arrive in whatever pieces the network makes of them.
func TestConnectByteByByte(t *testing.T) {
	server := startSSHServer(t)
	chopped := serve(t, func(conn net.Conn) {
		behind, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", server.port))
		if err != nil {
			t.Error(err)
			return
		}
		defer behind.Close()
		conn.(*net.TCPConn).SetNoDelay(true)
		go func() {
			io.Copy(behind, conn)
			behind.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(byteWriter{conn}, behind)
	})
	g := server.gateway()
	g.Address.Port = chopped
	p := startWith(t, t.Context(), g, Options{Timeout: test.Patience}, iotest.OneByteReader, func(w io.Writer) io.Writer { return byteWriter{w} })
	p.Reader = iotest.OneByteReader(p.Reader)
	conn, channels, requests, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.FixedHostKey(server.hostKey.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	echo(t, client, 10_000)
	client.Close()
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
}

// byteWriter writes each byte separately.
type byteWriter struct{ io.Writer }

func (w byteWriter) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := w.Writer.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// side is one end of a constructed handshake.
type side struct {
	t *testing.T
	r *bufio.Reader
	w io.Writer
}

func newSide(t *testing.T, r io.Reader, w io.Writer) *side { return &side{t, bufio.NewReader(r), w} }

func (s *side) send(payloads ...[]byte) { s.w.Write(framed(payloads)) }

// line reads the other side's identification.
func (s *side) line() string {
	line, err := s.r.ReadString('\n')
	if err != nil {
		s.t.Errorf("no identification: %v", err)
	}
	return line
}

// expect reads a message, which must have the given number.
func (s *side) expect(number byte) []byte {
	p, err := readPacket(s.r)
	if err != nil || p.number() != number {
		s.t.Errorf("message %v, error %v, want message %d", p.payload, err, number)
		return nil
	}
	return p.payload
}

// expectDisconnect reads a DISCONNECT and returns its reason and its text.
func (s *side) expectDisconnect() (reason uint32, text string) {
	payload := s.expect(msgDisconnect)
	if len(payload) < 5 {
		return 0, ""
	}
	b, rest, err := takeString(payload[5:])
	if err != nil || !bytes.Equal(rest, fields("")) {
		s.t.Errorf("malformed DISCONNECT %q", payload)
	}
	return binary.BigEndian.Uint32(payload[1:]), string(b)
}

// stage is how far a constructed handshake gets.
type stage int

const (
	dialled stage = iota
	identified
	initialized // both KEXINITs
	asked       // the client's 30
	replied
	clientsNewKeys
	serversNewKeys
)

var stages = []stage{dialled, identified, initialized, asked, replied, clientsNewKeys, serversNewKeys}

func (s stage) String() string {
	return [...]string{"dialled", "identified", "KEXINIT", "asked", "replied", "client's NEWKEYS", "server's NEWKEYS"}[s]
}

const clientLine, serverLine = "SSH-2.0-client\r\n", "SSH-2.0-server\r\n"

// serverUntil plays a server up to a stage.
func (s *side) serverUntil(last stage) {
	for at := range last + 1 {
		switch at {
		case identified:
			io.WriteString(s.w, serverLine)
			if line := s.line(); line != clientLine {
				s.t.Errorf("the server reads %q", line)
			}
		case initialized:
			s.send(methodsInit("curve25519-sha256", false))
			s.expect(msgKexInit)
		case asked:
			s.expect(msgKexRequest)
		case replied:
			s.send(replyPayload(msgKexReply, pinnedKey))
		case clientsNewKeys:
			s.expect(msgNewKeys)
		case serversNewKeys:
			s.send([]byte{msgNewKeys})
		}
	}
}

// clientUntil plays a client up to a stage.
func (s *side) clientUntil(last stage) {
	for at := range last + 1 {
		switch at {
		case identified:
			io.WriteString(s.w, clientLine)
			if line := s.line(); line != serverLine {
				s.t.Errorf("the client reads %q", line)
			}
		case initialized:
			s.send(methodsInit("curve25519-sha256", false))
			s.expect(msgKexInit)
		case asked:
			s.send([]byte{msgKexRequest, 'e'})
		case replied:
			s.expect(msgKexReply)
		case clientsNewKeys:
			s.send([]byte{msgNewKeys})
		case serversNewKeys:
			s.expect(msgNewKeys)
		}
	}
}

func drain(r io.Reader) { io.Copy(io.Discard, r) }

// A client learns of every end of the handshake from a message that it can show.
func TestServerGoesAway(t *testing.T) {
	for _, last := range stages[:len(stages)-1] {
		t.Run(last.String(), func(t *testing.T) {
			t.Parallel()
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(last)
				conn.(*net.TCPConn).CloseWrite()
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience, Established: func() { t.Error("established") }})
			client := newSide(t, p, p)
			client.clientUntil(last)
			want := "the server closed the connection during the handshake"
			if last == dialled {
				io.WriteString(client.w, clientLine)
				want = "the server closed the connection before it said anything"
				if line := client.line(); line != ourIdentification {
					t.Errorf("the client reads %q", line)
				}
			}
			want = fmt.Sprintf("127.0.0.1:%d: %s", g.Address.Port, want)
			if reason, text := client.expectDisconnect(); reason != 11 || text != want {
				t.Errorf("reason %d, text %q", reason, text)
			}
			p.stdin.Close()
			err := p.wait(t)
			if e := new(HandshakeError); !errors.As(err, &e) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// A reset is an end like any other: a server that is too busy, or a firewall.
func TestServerResets(t *testing.T) {
	for _, last := range stages[:len(stages)-1] {
		t.Run(last.String(), func(t *testing.T) {
			g := testGateway(serve(t, func(conn net.Conn) {
				s := newSide(t, conn, conn)
				if last == dialled {
					s.line() // or it might still happen during dialling
				}
				s.serverUntil(last)
				conn.(*net.TCPConn).SetLinger(0)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience, Established: func() { t.Error("established") }})
			client := newSide(t, p, p)
			client.clientUntil(last)
			if last == dialled {
				io.WriteString(p, clientLine)
				client.line()
			}
			client.expectDisconnect()
			p.stdin.Close()
			if err := p.wait(t); !errors.Is(err, ErrClosed) {
				t.Errorf("error %v, want %v", err, ErrClosed)
			}
		})
	}
}

// What a server says before it closes explains the end, even if the client is writing and its write fails.
func TestServersLastWords(t *testing.T) {
	for range 20 {
		g := testGateway(serve(t, func(conn net.Conn) {
			s := newSide(t, conn, conn)
			s.serverUntil(identified)
			s.send(append([]byte{msgDisconnect, 0, 0, 0, 12}, fields("too many connections", "")...))
		}), pinnedKey)
		p := start(t, t.Context(), g, Options{Timeout: test.Patience})
		client := newSide(t, p, p)
		client.clientUntil(identified)
		go func() {
			for {
				if _, err := p.Write(newPacket([]byte{msgIgnore})); err != nil {
					return
				}
			}
		}()
		client.expectDisconnect()
		p.stdin.Close()
		if err := p.wait(t); err == nil || !strings.Contains(err.Error(), `the server closed the connection: "too many connections" (reason 12)`) {
			t.Errorf("error %v", err)
		}
	}
}

// A client that goes away ends the connection at once; it has told its user why.
func TestClientGoesAway(t *testing.T) {
	for _, last := range stages[:len(stages)-1] {
		t.Run(last.String(), func(t *testing.T) {
			t.Parallel()
			reached, closed := make(chan struct{}), make(chan struct{})
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(last)
				close(reached)
				drain(conn)
				close(closed)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience, Established: func() { t.Error("established") }})
			newSide(t, p, p).clientUntil(last)
			<-reached
			p.stdin.Close()
			rest, _ := io.ReadAll(p)
			if err := p.wait(t); err != nil || len(rest) > 0 {
				t.Errorf("error %v, the client is sent %q", err, rest)
			}
			<-closed
		})
	}
	t.Run("with DISCONNECT", func(t *testing.T) {
		t.Parallel()
		told := make(chan []byte, 1)
		g := testGateway(serve(t, func(conn net.Conn) {
			s := newSide(t, conn, conn)
			s.serverUntil(initialized)
			told <- s.expect(msgDisconnect)
			drain(conn)
		}), pinnedKey)
		p := start(t, t.Context(), g, Options{Timeout: test.Patience})
		client := newSide(t, p, p)
		client.clientUntil(initialized)
		bye := append([]byte{msgDisconnect, 0, 0, 0, 3}, fields("bye", "")...)
		client.send(bye)
		if err := p.wait(t); err != nil {
			t.Error(err)
		}
		if got := <-told; !bytes.Equal(got, bye) {
			t.Errorf("the server is sent %q", got)
		}
	})
	t.Run("while dialling", func(t *testing.T) {
		t.Parallel()
		g := testGateway(22, pinnedKey)
		g.Via = via(t, "http://127.0.0.1:%d", serve(t, func(conn net.Conn) { drain(conn) })) // a proxy that never answers
		p := start(t, t.Context(), g, Options{Timeout: test.Patience})
		io.WriteString(p, clientLine)
		p.stdin.Close()
		if err := p.wait(t); err != nil {
			t.Error(err)
		}
	})
}

func TestClientThatIsNoSSHClient(t *testing.T) {
	for _, c := range []struct {
		name, sends string
		err         string
	}{
		{"a long line", strings.Repeat("x", 256), "your client breaks the SSH protocol: a line is longer than 255 bytes"},
		{"no packet", clientLine + "GET / HTTP/1.1\r\n", "your client breaks the SSH protocol: a packet claims a length of"},
		{"out of turn", clientLine + string(newPacket([]byte{50})), "your client breaks the SSH protocol: it sent message 50 out of turn"},
		{"a malformed KEXINIT", clientLine + string(newPacket([]byte{20})), "your client breaks the SSH protocol: its KEXINIT is malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The connection counts as dialled for those who wait for the server's identification.
			g := testGateway(serve(t, func(conn net.Conn) {
				io.WriteString(conn, serverLine)
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience})
			client := newSide(t, p, p)
			client.line()
			go io.WriteString(p, c.sends)
			_, text := client.expectDisconnect()
			p.stdin.Close()
			err := p.wait(t)
			if err == nil || !strings.HasPrefix(err.Error(), c.err) || text != err.Error() {
				t.Errorf("error %v, text %q, want %s", err, text, c.err)
			}
		})
	}
}

// That is no reason to say nothing while the connection is still being made.
func TestClientThatIsNoSSHClientWhileDialling(t *testing.T) {
	g := testGateway(22, pinnedKey)
	g.Via = via(t, "http://127.0.0.1:%d", serve(t, func(conn net.Conn) { drain(conn) }))
	p := start(t, t.Context(), g, Options{Timeout: test.Patience})
	go io.WriteString(p, strings.Repeat("x", 256))
	client := newSide(t, p, p)
	if line := client.line(); line != ourIdentification {
		t.Errorf("the client reads %q", line)
	}
	_, text := client.expectDisconnect()
	if err := p.wait(t); err == nil || err.Error() != "your client breaks the SSH protocol: a line is longer than 255 bytes" || text != err.Error() {
		t.Errorf("error %v, text %q", err, text)
	}
}

func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		server, client stage
	}{{dialled, dialled}, {identified, identified}, {asked, asked}} {
		t.Run(test.server.String(), func(t *testing.T) {
			t.Parallel()
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(test.server)
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: 500 * time.Millisecond})
			client := newSide(t, p, p)
			client.clientUntil(test.client)
			if test.server == dialled {
				if line := client.line(); line != ourIdentification {
					t.Errorf("the client reads %q", line)
				}
			}
			reason, text := client.expectDisconnect()
			p.stdin.Close()
			err := p.wait(t)
			if e := new(HandshakeError); !errors.As(err, &e) || !strings.Contains(err.Error(), "within 500ms") || text != err.Error() || reason != 11 {
				t.Errorf("error %v, reason %d, text %q", err, reason, text)
			}
		})
	}
}

// If a server said something instead of an identification, that explains more than its later
// silence. Once it has identified itself, it does not.
func TestTimeoutAfterALine(t *testing.T) {
	for _, test := range []struct{ says, line, err string }{
		{"busy\x1b[2J\r\n", ourIdentification, `this is not an SSH server: its first line is "busy\x1b[2J"`},
		{"welcome\r\n" + serverLine, serverLine, "the server did not answer within 300ms"},
		{"half a line", ourIdentification, "the server did not answer within 300ms"},
	} {
		t.Run(test.says, func(t *testing.T) {
			t.Parallel()
			g := testGateway(serve(t, func(conn net.Conn) {
				io.WriteString(conn, test.says)
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: 300 * time.Millisecond})
			client := newSide(t, p, p)
			if line := client.line(); line != test.line {
				t.Errorf("the client reads %q, want %q", line, test.line)
			}
			client.expectDisconnect()
			p.stdin.Close()
			if err := p.wait(t); err == nil || !strings.HasSuffix(err.Error(), test.err) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
}

// PuTTY asks its user questions during the handshake. Both sides together may be slower than the server alone may be.
func TestNoClockForTheClient(t *testing.T) {
	c := converse(t, [][]byte{[]byte(pinnedKey)}, func(c *conversing) {
		for _, round := range []struct{ client, server []byte }{
			{[]byte(clientLine), slices.Concat([]byte(serverLine), newPacket(methodsInit("curve25519-sha256", false)))},
			{newPacket(methodsInit("curve25519-sha256", false)), nil},
			{newPacket([]byte{msgKexRequest}), newPacket(replyPayload(msgKexReply, pinnedKey))},
			{newPacket([]byte{msgNewKeys}), newPacket([]byte{msgNewKeys})},
			{[]byte("ping"), []byte("pong")},
		} {
			c.deliver(delivery{false, round.client})
			if round.server != nil {
				c.deliver(delivery{true, round.server})
			}
			time.Sleep(2 * DefaultTimeout)
		}
	})
	if c.err != nil || !bytes.HasSuffix(c.toServer, []byte("ping")) || !bytes.HasSuffix(c.toClient(), []byte("pong")) {
		t.Errorf("error %v, %d bytes to the server, %d to the client", c.err, len(c.toServer), len(c.toClient()))
	}
}

// What follows NEWKEYS in the same segment belongs to the session, in both directions.
func TestDataBehindNewKeys(t *testing.T) {
	behind := strings.Repeat("ciphertext", 1000)
	newKeys := string(newPacket([]byte{msgNewKeys}))
	for _, order := range []string{"client first", "server first"} {
		t.Run(order, func(t *testing.T) {
			got := make(chan string, 1)
			g := testGateway(serve(t, func(conn net.Conn) {
				s := newSide(t, conn, conn)
				s.serverUntil(asked)
				reply := string(newPacket(replyPayload(msgKexReply, pinnedKey)))
				if order == "server first" {
					io.WriteString(conn, reply+newKeys+behind)
					s.expect(msgNewKeys)
				} else {
					io.WriteString(conn, reply)
					s.expect(msgNewKeys)
					io.WriteString(conn, newKeys+behind)
				}
				b, _ := io.ReadAll(s.r)
				got <- string(b)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience})
			client := newSide(t, p, p)
			client.clientUntil(replied)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				io.WriteString(p, newKeys+behind)
			}()
			client.expect(msgNewKeys)
			<-sent
			p.stdin.Close()
			if b, err := io.ReadAll(client.r); string(b) != behind {
				t.Errorf("the client reads %d bytes, error %v, want %d", len(b), err, len(behind))
			}
			if b := <-got; b != behind {
				t.Errorf("the server reads %d bytes, want %d", len(b), len(behind))
			}
			if err := p.wait(t); err != nil {
				t.Error(err)
			}
		})
	}
}

// If the server sends NEWKEYS ahead and the client leaves without its own, the server's is never passed on.
func TestNewKeysAheadIsHeld(t *testing.T) {
	g := testGateway(serve(t, func(conn net.Conn) {
		s := newSide(t, conn, conn)
		s.serverUntil(asked)
		s.send(replyPayload(msgKexReply, pinnedKey), []byte{msgNewKeys})
		drain(conn)
	}), pinnedKey)
	p := start(t, t.Context(), g, Options{Timeout: test.Patience, Established: func() { t.Error("established") }})
	client := newSide(t, p, p)
	client.clientUntil(replied)
	p.stdin.Close()
	if rest, _ := io.ReadAll(client.r); len(rest) > 0 {
		t.Errorf("the client is sent %q", rest)
	}
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
}

// Nobody sees the lines before the identification.
func TestLinesBeforeTheIdentification(t *testing.T) {
	g := testGateway(serve(t, func(conn net.Conn) {
		io.WriteString(conn, "Welcome\x1b[2J\r\nto the gateway\n")
		newSide(t, conn, conn).serverUntil(serversNewKeys)
		drain(conn)
	}), pinnedKey)
	p := start(t, t.Context(), g, Options{Timeout: test.Patience})
	newSide(t, p, p).clientUntil(serversNewKeys)
	p.stdin.Close()
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
}

func TestServerThatIsNoSSHServer(t *testing.T) {
	g := testGateway(serve(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 400 Bad\x1b[2J Request\r\n\r\n")
	}), pinnedKey)
	p := start(t, t.Context(), g, Options{Timeout: test.Patience})
	client := newSide(t, p, p)
	go io.WriteString(p, clientLine)
	if line := client.line(); line != ourIdentification {
		t.Errorf("the client reads %q", line)
	}
	_, text := client.expectDisconnect()
	p.stdin.Close()
	err := p.wait(t)
	if want := `this is not an SSH server: its first line is "HTTP/1.1 400 Bad\x1b[2J Request"`; err == nil || !strings.HasSuffix(err.Error(), want) || text != err.Error() {
		t.Errorf("error %v, text %q, want %s", err, text, want)
	}
}

// If known_hosts cannot be written, the connection goes on: ssh decides.
func TestKnownHostsThatCannotBeWritten(t *testing.T) {
	for _, warned := range []bool{true, false} {
		var warnings []error
		o := Options{Timeout: test.Patience, KnownHosts: filepath.Join(t.TempDir(), "no such folder", "known_hosts")}
		if warned {
			o.Warn = func(err error) { warnings = append(warnings, err) }
		}
		g := testGateway(serve(t, func(conn net.Conn) {
			newSide(t, conn, conn).serverUntil(serversNewKeys)
			drain(conn)
		}), pinnedKey)
		p := start(t, t.Context(), g, o)
		newSide(t, p, p).clientUntil(serversNewKeys)
		p.stdin.Close()
		if err := p.wait(t); err != nil {
			t.Error(err)
		}
		if warned && (len(warnings) != 1 || !errors.Is(warnings[0], os.ErrNotExist) || !strings.Contains(warnings[0].Error(), "cannot record the host key")) {
			t.Errorf("warnings %v", warnings)
		}
	}
}

func TestContext(t *testing.T) {
	cause := errors.New("enough")
	t.Run("while dialling", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		dialling := make(chan struct{})
		g := testGateway(22, pinnedKey)
		g.Via = via(t, "http://127.0.0.1:%d", serve(t, func(conn net.Conn) {
			close(dialling)
			drain(conn)
		}))
		p := start(t, ctx, g, Options{Timeout: test.Patience})
		<-dialling
		cancel(cause)
		client := newSide(t, p, p)
		client.line()
		client.expectDisconnect()
		p.stdin.Close()
		if err := p.wait(t); !errors.Is(err, cause) {
			t.Errorf("error %v, want %v", err, cause)
		}
	})
	for _, last := range stages {
		t.Run(last.String(), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			reached := make(chan struct{})
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(last)
				close(reached)
				drain(conn)
			}), pinnedKey)
			p := start(t, ctx, g, Options{Timeout: test.Patience})
			client := newSide(t, p, p)
			client.clientUntil(last)
			<-reached
			cancel(cause)
			if last < serversNewKeys {
				if last == dialled {
					client.line()
				}
				client.expectDisconnect()
				p.stdin.Close()
			}
			if err := p.wait(t); !errors.Is(err, cause) {
				t.Errorf("error %v, want %v", err, cause)
			}
		})
	}
}

func TestRefuseWaitsForTheClient(t *testing.T) {
	stdin, stdinWriter := io.Pipe()
	stdoutReader, stdout := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Refuse(stdin, stdout, "no such gateway")
	}()
	client := newSide(t, stdoutReader, stdinWriter)
	if line := client.line(); line != ourIdentification {
		t.Errorf("the client reads %q", line)
	}
	if reason, text := client.expectDisconnect(); reason != 11 || text != "no such gateway" {
		t.Errorf("reason %d, text %q", reason, text)
	}
	// The client has begun to talk. All of it must be read and thrown away, or the client's write would fail.
	io.WriteString(stdinWriter, clientLine)
	for range 40 {
		client.send([]byte{msgIgnore})
	}
	select {
	case <-done:
		t.Error("it did not wait for the client")
	default:
	}
	stdinWriter.Close()
	<-done
	// A client that no longer reads anything is not waited for.
	stdoutReader.Close()
	Refuse(stdin, stdout, "no such gateway")
}

// No goroutine of this package stays behind, however a connection ends.
func TestGoroutinesEnd(t *testing.T) {
	before := goroutinesOfProxycmd()
	server := startSSHServer(t)
	for range 3 {
		p := start(t, t.Context(), server.gateway(), Options{Timeout: test.Patience})
		conn, channels, requests, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.FixedHostKey(server.hostKey.PublicKey())})
		if err != nil {
			t.Fatal(err)
		}
		client := ssh.NewClient(conn, channels, requests)
		echo(t, client, 1000)
		client.Close()
		p.wait(t)

		p = start(t, t.Context(), testGateway(server.port, pinnedKey), Options{Timeout: test.Patience})
		if _, _, _, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.InsecureIgnoreHostKey()}); err == nil {
			t.Error("an unpinned host key was accepted")
		}
		p.wait(t)

		for _, last := range stages {
			g := testGateway(serve(t, func(conn net.Conn) {
				newSide(t, conn, conn).serverUntil(last)
				drain(conn)
			}), pinnedKey)
			p := start(t, t.Context(), g, Options{Timeout: test.Patience})
			client := newSide(t, p, p)
			client.clientUntil(last)
			p.stdin.Close()
			go drain(client.r)
			p.wait(t)
		}
	}
	test.Eventually(t, "the end of the goroutines", func() bool { return len(goroutinesOfProxycmd()) <= len(before) }, func() string {
		left := goroutinesOfProxycmd()
		return fmt.Sprintf("%d goroutines are left:\n%s", len(left)-len(before), strings.Join(left, "\n\n"))
	})
}

// goroutinesOfProxycmd returns the stacks that this package appears in, except for its tests.
func goroutinesOfProxycmd() (stacks []string) {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		for line := range strings.Lines(stack) {
			if strings.Contains(line, "/proxycmd/") && strings.Contains(line, ".go:") && !strings.Contains(line, "_test.go:") {
				stacks = append(stacks, stack)
				break
			}
		}
	}
	return stacks
}
