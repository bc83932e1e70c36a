package proxycmd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"github.com/creack/pty"
)

// kernelMedia are those that splice accepts: a non-blocking pipe, as Go makes them, and a blocking one, which
// OpenSSH's helper gets.
var kernelMedia = []string{"pipe", "blocking pipe"}

func init() {
	media["blocking pipe"] = func(t *testing.T) (io.ReadCloser, io.WriteCloser) {
		var fds [2]int
		if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")
	}
}

func eachKernelMedium(t *testing.T, test func(t *testing.T, medium string)) {
	for _, name := range kernelMedia {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

// within waits for something that nothing may hold up.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(test.Patience):
		stacks := make([]byte, 1<<20)
		t.Fatalf("%s is blocked\n%s", what, stacks[:runtime.Stack(stacks, true)])
	}
}

// nonBlocking takes away the client's end of a pipe and returns its descriptor, made non-blocking as OpenSSH has it.
func nonBlocking(t *testing.T, end any) (fd int) {
	t.Helper()
	raw, err := end.(*os.File).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(own uintptr) { fd, err = syscall.Dup(int(own)) })
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	end.(*os.File).Close()
	t.Cleanup(func() { go syscall.Close(fd) }) // closing waits for the pipe, too
	return fd
}

// quiet is how many times in a row, and so for how many milliseconds at least, a buffer must be full to count as full
// for good.
const quiet = 200

// fill writes to a non-blocking descriptor until no more is accepted, and returns what was.
func fill(t *testing.T, fd int) (sent []byte) {
	t.Helper()
	block := someBytes(32 << 10)
	var err error
	within(t, "the client's write", func() {
		for full := 0; full < quiet && err == nil; {
			var n int
			switch n, err = syscall.Write(fd, block); err {
			case nil:
				sent, full = append(sent, block[:n]...), 0
			case syscall.EAGAIN:
				full++
				time.Sleep(time.Millisecond)
				err = nil
			case syscall.EINTR:
				err = nil
			}
		}
	})
	if err != nil {
		t.Fatalf("the client's write: %v", err)
	}
	return sent
}

// fillFromGateway lets a gateway send until no more is accepted, and returns what was.
func fillFromGateway(t *testing.T, gateway net.Conn) (sent []byte) {
	t.Helper()
	defer gateway.SetWriteDeadline(time.Time{})
	block := someBytes(32 << 10)
	for {
		gateway.SetWriteDeadline(time.Now().Add(quiet * time.Millisecond))
		n, err := gateway.Write(block)
		sent = append(sent, block[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sent
		}
		if err != nil {
			t.Errorf("the gateway's write: %v", err)
			return sent
		}
	}
}

// take reads n bytes from a non-blocking descriptor.
func take(t *testing.T, fd, n int) []byte {
	t.Helper()
	got := make([]byte, n)
	read := 0
	var err error
	within(t, "the client's read", func() {
		for read < n && err == nil {
			var m int
			switch m, err = syscall.Read(fd, got[read:]); {
			case err == syscall.EAGAIN:
				time.Sleep(time.Millisecond)
				err = nil
			case err == syscall.EINTR:
				err = nil
			case err == nil && m == 0:
				err = io.ErrUnexpectedEOF
			case err == nil:
				read += m
			}
		}
	})
	if err != nil {
		t.Errorf("the client's read: %v after %d bytes, want %d", err, read, n)
	}
	return got[:read]
}

// Files that are pipes go through the kernel; with all others, splice moves nothing.
func TestSpliceTakesPipes(t *testing.T) {
	files := map[string]func(*testing.T) (in, out *os.File){}
	for _, medium := range kernelMedia {
		files[medium] = func(t *testing.T) (in, out *os.File) {
			inReader, inWriter := media[medium](t)
			outReader, outWriter := media[medium](t)
			inWriter.Close()
			t.Cleanup(func() { outReader.Close() })
			return inReader.(*os.File), outWriter.(*os.File)
		}
	}
	for name, file := range otherFiles {
		files[name] = func(t *testing.T) (in, out *os.File) {
			f := file(t)
			f.send(t, "")
			return f.in, f.out
		}
	}
	for name, open := range files {
		t.Run(name, func(t *testing.T) {
			_, other := otherFiles[name]
			in, out := open(t)
			defer in.Close()
			defer out.Close()
			conn, gateway := connection(t)
			io.WriteString(gateway, "hello")
			gateway.CloseWrite()
			within(t, "splice", func() {
				if done, readErr, writeErr := splice(out, conn); done == other || readErr != nil || writeErr != nil {
					t.Errorf("to the client: done %v, errors %v and %v", done, readErr, writeErr)
				}
				if rest, _ := io.ReadAll(conn); other != (string(rest) == "hello") {
					t.Errorf("%q is left in the socket", rest)
				}
				if done, readErr, writeErr := splice(conn, in); done == other || readErr != nil || writeErr != nil {
					t.Errorf("from the client: done %v, errors %v and %v", done, readErr, writeErr)
				}
			})
		})
	}
	t.Run("no files", func(t *testing.T) {
		conn, _ := connection(t)
		for _, c := range []struct {
			dst io.Writer
			src io.Reader
		}{{conn, new(bytes.Buffer)}, {new(bytes.Buffer), conn}, {conn, conn}, {new(bytes.Buffer), new(bytes.Buffer)}} {
			if done, readErr, writeErr := splice(c.dst, c.src); done || readErr != nil || writeErr != nil {
				t.Errorf("%T to %T: done %v, errors %v and %v", c.src, c.dst, done, readErr, writeErr)
			}
		}
	})
}

// otherFile is what a client may give instead of a pair of pipes.
type otherFile struct {
	in, out *os.File
	send    func(t *testing.T, text string) // to in, and its end
	receive func(t *testing.T) string       // what arrived at out
}

var otherFiles = map[string]func(*testing.T) otherFile{
	"regular files": func(t *testing.T) otherFile {
		dir := t.TempDir()
		open := func(name string) *os.File {
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		in, out := open("in"), open("out")
		return otherFile{in, out, func(t *testing.T, text string) {
			if err := os.WriteFile(in.Name(), []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}, func(t *testing.T) string {
			text, err := os.ReadFile(out.Name())
			if err != nil {
				t.Error(err)
			}
			return string(text)
		}}
	},
	"a socket": func(t *testing.T) otherFile {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		second, err := syscall.Dup(fds[0])
		if err != nil {
			t.Fatal(err)
		}
		client := os.NewFile(uintptr(fds[1]), "client")
		t.Cleanup(func() { client.Close() })
		return otherFile{os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(second), "out"), func(t *testing.T, text string) {
			io.WriteString(client, text)
			syscall.Shutdown(fds[1], syscall.SHUT_WR)
		}, func(t *testing.T) string {
			text, err := io.ReadAll(client)
			if err != nil {
				t.Error(err)
			}
			return string(text)
		}}
	},
	"a terminal": func(t *testing.T) otherFile {
		inController, in, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		outController, out, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			inController.Close()
			outController.Close()
		})
		return otherFile{in, out, func(t *testing.T, text string) {
			io.WriteString(inController, text+"\x04") // the end, at the beginning of a line
		}, func(t *testing.T) string {
			text, _ := io.ReadAll(outController) // ends with EIO
			return string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		}}
	},
	"nothing": func(t *testing.T) otherFile {
		in, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		return otherFile{in, out, nothing, func(*testing.T) string { return "" }}
	},
}

func nothing(*testing.T, string) {}

// Files that are not pipes work as well.
func TestRelayFilesThatAreNoPipes(t *testing.T) {
	for name, open := range otherFiles {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			const question, answer = "from the client\n", "from the gateway\n"
			f.send(t, question)
			r := relayBetween(t, f.in, f.out)
			want := question
			if name == "nothing" {
				want = ""
			}
			if got, err := io.ReadAll(r.gateway); string(got) != want || err != nil {
				t.Errorf("the gateway reads %q, error %v, want %q", got, err, want)
			}
			io.WriteString(r.gateway, answer)
			r.gateway.Close()
			if err := r.wait(t); err != nil {
				t.Error(err)
			}
			if want = answer; name == "nothing" {
				want = ""
			}
			if got := f.receive(t); got != want {
				t.Errorf("the client reads %q, want %q", got, want)
			}
		})
	}
}

// What the handshake has read ahead comes first, in both directions.
func TestRelayReadAhead(t *testing.T) {
	eachMedium(t, func(t *testing.T, medium string) {
		stdinReader, stdin := media[medium](t)
		stdout, stdoutWriter := media[medium](t)
		conn, gateway := connection(t)
		data := someBytes(200_000)
		const ahead = 1000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			stdin.Write(data)
			stdin.Close()
		}()
		go func() {
			gateway.Write(data)
			gateway.CloseWrite()
		}()
		readers := []*bufio.Reader{bufio.NewReader(stdinReader), bufio.NewReader(conn)}
		for _, reader := range readers {
			if _, err := reader.Peek(ahead); err != nil {
				t.Fatal(err)
			}
		}
		result := make(chan error, 1)
		up := relayUp(conn, readers[0], stdinReader)
		go func() {
			result <- relay(t.Context(), conn, readers[1], up, stdoutWriter)
			stdoutWriter.Close()
			conn.Close()
		}()
		// The gateway's end comes first or last, and is not under test here.
		var both sync.WaitGroup
		for name, reader := range map[string]io.Reader{"gateway": gateway, "client": stdout} {
			both.Go(func() {
				if got, err := io.ReadAll(reader); !bytes.Equal(got, data) {
					t.Errorf("the %s reads %d bytes, error %v, want %d", name, len(got), err, len(data))
				}
			})
		}
		within(t, "the relay", func() {
			both.Wait()
			<-sent
			<-result
		})
		stdout.Close()
		stdinReader.Close()
	})
}

// slowly passes data on in small pieces, with a pause after each.
type slowly struct {
	io.Reader
	io.Writer
}

const piece = 6000 // not a multiple of a page

func (s slowly) Read(b []byte) (int, error) {
	time.Sleep(50 * time.Microsecond)
	return s.Reader.Read(b[:min(piece, len(b))])
}

func (s slowly) Write(b []byte) (written int, err error) {
	for len(b) > 0 && err == nil {
		time.Sleep(50 * time.Microsecond)
		var n int
		n, err = s.Writer.Write(b[:min(piece, len(b))])
		b, written = b[n:], written+n
	}
	return written, err
}

// Megabytes both ways at once, whoever is slow.
func TestRelaySlowEnds(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for _, slow := range []string{"client", "gateway", "readers", "writers"} {
		t.Run(slow, func(t *testing.T) {
			eachMedium(t, func(t *testing.T, medium string) {
				r := startRelay(t, medium)
				up, down := someBytes(2<<20), someBytes(2<<20+1)
				slowed := map[string]bool{
					"client writes": slow == "client" || slow == "writers", "client reads": slow == "client" || slow == "readers",
					"gateway writes": slow == "gateway" || slow == "writers", "gateway reads": slow == "gateway" || slow == "readers",
				}
				writer := func(who string, w io.Writer) io.Writer {
					if slowed[who] {
						return slowly{Writer: w}
					}
					return w
				}
				reader := func(who string, r io.Reader) io.Reader {
					if slowed[who] {
						return slowly{Reader: r}
					}
					return r
				}
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := writer("client writes", r.stdin).Write(up); err != nil {
						t.Errorf("the client writes: %v", err)
					}
				})
				all.Go(func() {
					if _, err := writer("gateway writes", r.gateway).Write(down); err != nil {
						t.Errorf("the gateway writes: %v", err)
					}
				})
				all.Go(func() {
					got := make([]byte, len(down))
					if n, err := io.ReadFull(reader("client reads", r.stdout), got); err != nil || !bytes.Equal(got, down) {
						t.Errorf("the client reads %d bytes, error %v, want %d", n, err, len(down))
					}
				})
				all.Go(func() {
					got := make([]byte, len(up))
					if n, err := io.ReadFull(reader("gateway reads", r.gateway), got); err != nil || !bytes.Equal(got, up) {
						t.Errorf("the gateway reads %d bytes, error %v, want %d", n, err, len(up))
					}
				})
				within(t, "the relay", all.Wait)
				r.stdin.Close()
				r.gateway.CloseWrite()
				if err := r.wait(t); err != nil {
					// Both end at once: either may come first.
					if lost := new(LostError); !errors.As(err, &lost) || lost.Err != errGatewayClosed {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A gateway that reads nothing never blocks ssh, which shares the pipe with splice: its write succeeds or fails at
// once, and the other direction works.
func TestSpliceGatewayReadsNothing(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachKernelMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		stdin, stdout := nonBlocking(t, r.stdin), nonBlocking(t, r.stdout)
		sent := fill(t, stdin)
		if len(sent) < 128<<10 {
			t.Errorf("only %d bytes were taken, no more than two pipes hold", len(sent))
		}
		answer := someBytes(3 << 20)
		go r.gateway.Write(answer)
		if got := take(t, stdout, len(answer)); !bytes.Equal(got, answer) {
			t.Errorf("the client reads something else than the %d bytes that were sent", len(answer))
		}
		got := make([]byte, len(sent))
		if n, err := io.ReadFull(r.gateway, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("the gateway reads %d bytes, error %v, want %d", n, err, len(sent))
		}
	})
}

// The same goes for a client that reads nothing.
func TestSpliceClientReadsNothing(t *testing.T) {
	test.Slow(t)
	eachKernelMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		stdin, stdout := nonBlocking(t, r.stdin), nonBlocking(t, r.stdout)
		sent := fillFromGateway(t, r.gateway)
		if len(sent) < 128<<10 {
			t.Errorf("only %d bytes were taken, no more than two pipes hold", len(sent))
		}
		question := someBytes(100_000)
		got := make([]byte, len(question))
		var reading sync.WaitGroup
		reading.Go(func() {
			if n, err := io.ReadFull(r.gateway, got); err != nil || !bytes.Equal(got, question) {
				t.Errorf("the gateway reads %d bytes, error %v, want %d", n, err, len(question))
			}
		})
		within(t, "the client's write", func() {
			for rest := question; len(rest) > 0; {
				n, err := syscall.Write(stdin, rest)
				if err == nil {
					rest = rest[n:]
				} else if err != syscall.EAGAIN && err != syscall.EINTR {
					t.Error(err)
					return
				} else {
					time.Sleep(time.Millisecond)
				}
			}
			reading.Wait()
		})
		if got := take(t, stdout, len(sent)); !bytes.Equal(got, sent) {
			t.Errorf("the client reads something else than the %d bytes that were sent", len(sent))
		}
	})
}

// While nobody says anything, a client's read says so at once: ssh reads as soon as it can, and then waits for its
// user, too.
func TestSpliceIdle(t *testing.T) {
	test.Slow(t)
	eachKernelMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		stdin, stdout := nonBlocking(t, r.stdin), nonBlocking(t, r.stdout)
		idle := func() {
			t.Helper()
			within(t, "the client's read", func() {
				for range 50 {
					if n, err := syscall.Read(stdout, make([]byte, 1)); err != syscall.EAGAIN && err != syscall.EINTR {
						t.Errorf("%d bytes, error %v, where there are none", n, err)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		for range 3 {
			idle()
			io.WriteString(r.gateway, "hello")
			if got := take(t, stdout, 5); string(got) != "hello" {
				t.Errorf("the client reads %q", got)
			}
			within(t, "the client's write", func() { syscall.Write(stdin, []byte("hello")) })
			got := make([]byte, 5)
			if _, err := io.ReadFull(r.gateway, got); err != nil || string(got) != "hello" {
				t.Errorf("the gateway reads %q, error %v", got, err)
			}
		}
	})
}

// A client that leaves in the middle of a stream is not a loss, and a client that has closed its stdin has left.
func TestRelayClientLeavesWhileTheGatewaySends(t *testing.T) {
	for _, left := range []string{"stdout", "stdin, then stdout", "both"} {
		t.Run(left, func(t *testing.T) {
			eachMedium(t, func(t *testing.T, medium string) {
				r := startRelay(t, medium)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for {
						if _, err := r.gateway.Write(make([]byte, 32<<10)); err != nil {
							return
						}
					}
				}()
				if _, err := io.ReadFull(r.stdout, make([]byte, 1<<20)); err != nil {
					t.Fatal(err)
				}
				if left != "stdout" {
					r.stdin.Close()
				}
				if left == "stdin, then stdout" {
					if _, err := io.ReadFull(r.stdout, make([]byte, 1<<20)); err != nil {
						t.Fatal(err)
					}
				}
				r.stdout.Close()
				if err := r.wait(t); err != nil {
					t.Errorf("error %v of a client that went away", err)
				}
				within(t, "the gateway", func() { <-ended })
			})
		})
	}
}

// A reset is reported as one, whatever the pipes are doing, and what came before it is not lost.
func TestRelayResetInTheStream(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	eachMedium(t, func(t *testing.T, medium string) {
		r := startRelay(t, medium)
		sent := fillFromGateway(t, r.gateway)
		r.reset()
		if got, err := io.ReadAll(r.stdout); len(got) < 64<<10 || !bytes.HasPrefix(sent, got) {
			t.Errorf("the client reads %d bytes, error %v, want the first of %d", len(got), err, len(sent))
		}
		err := r.wait(t)
		if lost := new(LostError); !errors.As(err, &lost) || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error %v, want that of a reset", err)
		}
	})
}
