package proxycmd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"clever-ssh/internal/test"
)

// relayed is a connection after its handshake, with the gateway's end of it and the client's ends of the pipes.
type relayed struct {
	gateway *net.TCPConn
	stdin   io.WriteCloser
	stdout  io.ReadCloser
	result  chan error
}

// media are the ways in which a client may be connected. Where splice is available, it handles those that are system
// pipes.
var media = map[string]func(*testing.T) (io.ReadCloser, io.WriteCloser){
	"memory": func(*testing.T) (io.ReadCloser, io.WriteCloser) { return io.Pipe() },
	"pipe": func(t *testing.T) (io.ReadCloser, io.WriteCloser) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	},
}

// eachMedium runs a test with each of the media.
func eachMedium(t *testing.T, test func(t *testing.T, medium string)) {
	for name := range media {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

// startRelay relays between a gateway and a client, with pipes of a medium.
func startRelay(t *testing.T, medium string) *relayed {
	t.Helper()
	stdinReader, stdin := media[medium](t)
	stdout, stdoutWriter := media[medium](t)
	r := relayBetween(t, stdinReader, stdoutWriter)
	r.stdin, r.stdout = stdin, stdout
	t.Cleanup(func() {
		stdin.Close()
		stdout.Close()
	})
	return r
}

// relayBetween relays between a gateway and what a client has given, which it closes after the relay as the end of
// the process would.
func relayBetween(t *testing.T, stdin io.ReadCloser, stdout io.WriteCloser) *relayed {
	t.Helper()
	conn, gateway := connection(t)
	r := &relayed{gateway: gateway, result: make(chan error, 1)}
	go func() {
		up := relayUp(conn, bufio.NewReader(stdin), stdin)
		r.result <- relay(t.Context(), conn, bufio.NewReader(conn), up, stdout)
		conn.Close()
		go stdout.Close() // closing may wait for a reader or writer
		stdin.Close()
	}()
	return r
}

// connection returns a TCP connection with the gateway's end of it.
func connection(t *testing.T) (conn, gateway *net.TCPConn) {
	t.Helper()
	l := listen(t)
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		accepted.Close() // closing the first ends whatever still waits for the other
		dialled.Close()
	})
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// wait returns what the relay returned.
func (r *relayed) wait(t *testing.T) error {
	t.Helper()
	return test.Within(t, "the end of the relay", r.result)
}

// reset ends the gateway's side with RST instead of FIN.
func (r *relayed) reset() {
	r.gateway.SetLinger(0)
	r.gateway.Close()
}

func someBytes(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A client that has closed its side still gets everything that the gateway has to say.
func TestRelayHalfClose(t *testing.T) {
	test.Slow(t)
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		sent, answer := someBytes(1<<20), someBytes(1<<20+1)
		go func() {
			r.stdin.Write(sent)
			r.stdin.Close()
		}()
		got, err := io.ReadAll(r.gateway)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("the gateway reads %d bytes, error %v, want %d", len(got), err, len(sent))
		}
		go func() {
			if _, err := r.gateway.Write(answer); err != nil {
				t.Error(err)
			}
			r.gateway.Close()
		}()
		if got, err := io.ReadAll(r.stdout); !bytes.Equal(got, answer) {
			t.Errorf("the client reads %d bytes, error %v, want %d", len(got), err, len(answer))
		}
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
	})
}

// Neither direction waits for the other.
func TestRelayBothWaysAtOnce(t *testing.T) {
	test.Slow(t)
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		sent := someBytes(8 << 20)
		echoed := make(chan error, 1)
		go func() {
			_, err := io.Copy(r.gateway, r.gateway)
			r.gateway.Close()
			echoed <- err
		}()
		go func() {
			r.stdin.Write(sent)
			r.stdin.Close()
		}()
		got := make([]byte, len(sent))
		if n, err := io.ReadFull(r.stdout, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came back, error %v, want %d", n, err, len(sent))
		}
		if err := <-echoed; err != nil {
			t.Error(err)
		}
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
	})
}

// When the gateway ends, everything ends, whatever the client's stdin does. To a client that was in the middle of
// something it is a loss.
func TestRelayGatewayEnds(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		io.WriteString(r.gateway, "last words")
		r.gateway.CloseWrite()
		if got, _ := io.ReadAll(r.stdout); string(got) != "last words" {
			t.Errorf("the client reads %q", got)
		}
		err := r.wait(t)
		if lost := new(LostError); !errors.As(err, &lost) || lost.Err != errGatewayClosed {
			t.Errorf("error %v", err)
		}
	})
}

func TestRelayStdoutFails(t *testing.T) {
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		r.stdout.Close()
		io.WriteString(r.gateway, "x")
		if err := r.wait(t); err != nil {
			t.Errorf("error %v of a client that went away", err)
		}
		if b, err := io.ReadAll(r.gateway); len(b) > 0 {
			t.Errorf("the gateway reads %q, error %v", b, err)
		}
	})
}

func TestRelayReset(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		r.reset()
		err := r.wait(t)
		if lost := new(LostError); !errors.As(err, &lost) || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error %v, want that of a reset", err)
		}
	})
}

// A client that is sending notices first, but is not the one who ended it.
func TestRelayLostWhileTheClientSends(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for name, end := range map[string]func(*relayed){
		"reset":  (*relayed).reset,
		"closed": func(r *relayed) { r.gateway.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachMedium(t, func(t *testing.T, medium string) {
				var nils int
				for range 20 {
					r := startRelay(t, medium)
					go drain(r.stdout)
					go func() {
						for {
							if _, err := r.stdin.Write(make([]byte, 32<<10)); err != nil {
								return
							}
						}
					}()
					io.ReadFull(r.gateway, make([]byte, 1<<20))
					end(r)
					if err := r.wait(t); err == nil {
						nils++
					} else if lost := new(LostError); !errors.As(err, &lost) {
						t.Errorf("error %v", err)
					}
				}
				if nils > 0 {
					t.Errorf("%d of 20 ended without an error", nils)
				}
			})
		})
	}
}

// A gateway that does not end by itself has five seconds, in which nothing is lost.
func TestRelayAfterClient(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachMedium(t, func(t *testing.T, medium string) {
		t.Parallel()
		r := startRelay(t, medium)
		began := time.Now()
		r.stdin.Close()
		if b, err := io.ReadAll(r.gateway); len(b) > 0 || err != nil {
			t.Errorf("the gateway reads %q, error %v", b, err)
		}
		io.WriteString(r.gateway, "still here")
		got := make([]byte, len("still here"))
		if _, err := io.ReadFull(r.stdout, got); err != nil || string(got) != "still here" {
			t.Errorf("the client reads %q, error %v", got, err)
		}
		err := r.wait(t)
		if took := time.Since(began); err != nil || took < afterClient {
			t.Errorf("after %v error %v", took, err)
		}
	})
}

func TestPump(t *testing.T) {
	broken := errors.New("broken")
	fails := writerFunc(func([]byte) (int, error) { return 0, broken })
	for _, test := range []struct {
		name              string
		src               io.Reader
		dst               io.Writer
		want              string
		readErr, writeErr error
	}{
		{"end of the source", strings.NewReader("abc"), nil, "abc", nil, nil},
		{"data with the end", iotest.DataErrReader(strings.NewReader("abc")), nil, "abc", nil, nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("abc")), nil, "abc", nil, nil},
		{"nothing", strings.NewReader(""), nil, "", nil, nil},
		{"the source fails", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), nil, "abc", broken, nil},
		{"the source fails with data", iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))), nil, "abc", broken, nil},
		{"the destination fails", strings.NewReader("abc"), fails, "", nil, broken},
		{"both fail", iotest.DataErrReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errors.New("other")))), fails, "", nil, broken},
		{"the destination is not asked", strings.NewReader(""), fails, "", nil, nil},
	} {
		var got bytes.Buffer
		if test.dst == nil {
			test.dst = &got
		}
		readErr, writeErr := pump(test.dst, test.src)
		if readErr != test.readErr || writeErr != test.writeErr || got.String() != test.want {
			t.Errorf("%s: %q, errors %v and %v, want %q, %v and %v", test.name, got.String(), readErr, writeErr, test.want, test.readErr, test.writeErr)
		}
	}
}
