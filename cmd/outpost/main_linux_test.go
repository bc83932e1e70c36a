package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"

	"github.com/hashicorp/yamux"
)

// built is the program, which is built once.
var built = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "outpost-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "outpost")
	if err := test.BuildOutpost(file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// plant puts the outpost into a private folder, as the bridge would.
func plant(t *testing.T) (folder, path string) {
	t.Helper()
	test.Slow(t)
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(program)
	path = filepath.Join(folder, hex.EncodeToString(sum[:]))
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder, path
}

// running is an outpost with the bridge's end of its line.
type running struct {
	command *exec.Cmd
	session *yamux.Session
	exited  chan error
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

func run(t *testing.T, folder, path string) *running {
	t.Helper()
	command := exec.Command(path, folder)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = w, os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	o := &running{command: command, exited: make(chan error, 1)}
	t.Cleanup(func() {
		in.Close()
		r.Close()
		command.Process.Kill()
	})
	out := bufio.NewReader(r)
	if greeting, err := out.ReadString('\n'); err != nil || greeting != wire.Greeting {
		t.Fatalf("%q %v", greeting, err)
	}
	go func() { o.exited <- command.Wait() }()
	o.session, err = wire.Near(pipes{out, in})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *running) open(t *testing.T, kind wire.Type, payload []byte) (*yamux.Stream, *wire.Reader) {
	t.Helper()
	s, err := o.session.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	s.SetReadDeadline(time.Now().Add(test.Patience))
	if err := wire.Write(s, kind, payload); err != nil {
		t.Fatal(err)
	}
	return s, wire.NewReader(s)
}

func expect(t *testing.T, r *wire.Reader, kind wire.Type) string {
	t.Helper()
	got, payload, err := r.Read()
	for got == wire.TypeCredit {
		got, payload, err = r.Read()
	}
	if err != nil || got != kind {
		t.Fatalf("%q %q (%v), not %q", got, payload, err, kind)
	}
	return string(payload)
}

func (o *running) wait(t *testing.T) error {
	t.Helper()
	return test.Within(t, "the end of the outpost", o.exited)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestCheck(t *testing.T) {
	_, path := plant(t)
	if out, err := exec.Command(path, "check").CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("%q %v", out, err)
	}
	if out, err := exec.Command(path).CombinedOutput(); err == nil {
		t.Errorf("%q", out)
	}
}

// It ends with its stdin and with nothing else. Whatever it started ends with it, even if it is killed.
func TestEnds(t *testing.T) {
	folder, path := plant(t)
	for _, kill := range []bool{false, true} {
		o := run(t, folder, path)
		for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE} {
			o.command.Process.Signal(signal)
		}
		_, r := o.open(t, wire.TypeExec, (&wire.Exec{Command: "echo $$; exec sleep 1000"}).Payload())
		expect(t, r, wire.TypeBegun)
		id, err := strconv.Atoi(strings.TrimSpace(expect(t, r, wire.TypeData)))
		if err != nil {
			t.Fatal(err)
		}
		const name = "0123456789abcdef"
		_, r = o.open(t, wire.TypeListen, (&wire.Listen{Network: wire.Agent, Name: name}).Payload())
		expect(t, r, wire.TypeBegun)
		if kill {
			o.command.Process.Kill()
			o.wait(t)
		} else {
			o.session.Close()
			if err := o.wait(t); err != nil {
				t.Error(err)
			}
		}
		test.Eventually(t, "the end of the command", func() bool { return syscall.Kill(id, 0) == syscall.ESRCH })
		socket := filepath.Join(folder, name+".agent")
		if exists(socket) != kill {
			t.Errorf("killed: %v, the socket is there: %v", kill, exists(socket))
		}
		// The next outpost removes what a killed one left behind.
		next := run(t, folder, path)
		if exists(socket) {
			t.Error("a socket that nobody listens at is still there")
		}
		next.session.Close()
		next.wait(t)
	}
}

// Other outposts are removed when nobody uses them. Nothing else is.
func TestOthers(t *testing.T) {
	folder, path := plant(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := func(letter string, length int) string { return filepath.Join(folder, strings.Repeat(letter, length)) }
	used, unused := named("a", 64), named("b", 64)
	kept := []string{used, path, named("c", 63), named("C", 64), filepath.Join(folder, "file"),
		named("d", 64), named("e", 64)}
	for _, at := range []string{used, unused, kept[2], kept[3], kept[4]} {
		if err := os.WriteFile(at, data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(kept[5], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", kept[6]); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(unused, unused+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	other := run(t, folder, used)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(unused+".away", unused); err != nil {
		t.Fatal(err)
	}
	one := run(t, folder, path) // it removes neither itself nor the one in use
	if exists(unused) {
		t.Error("an outpost that nobody uses is still there")
	}
	for _, at := range kept {
		if !exists(at) {
			t.Errorf("%s was removed", filepath.Base(at))
		}
	}
	other.session.Close()
	other.wait(t)
	one.session.Close()
	one.wait(t)
	run(t, folder, path)
	if exists(used) {
		t.Error("an outpost that nobody uses any more is still there")
	}
}

// Two thousand idle connections cost little.
func TestMemory(t *testing.T) {
	const many, limit = 2000, 64 << 10 // KiB. A buffer for a frame in each direction would take four times as much.
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 2*many {
		t.Skipf("this account may have %d files open", files.Cur)
	}
	folder, path := plant(t)
	o := run(t, folder, path)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	before := memory(t, o, "VmRSS:")
	begin := time.Now()
	readers := make(chan *wire.Reader, many)
	for range many {
		s, r := o.open(t, wire.TypeConnect, (&wire.Connect{Network: wire.TCP, Address: l.Addr().String()}).Payload())
		if err := wire.Write(s, wire.TypeData, []byte(strings.Repeat("text", 200))); err != nil {
			t.Fatal(err)
		}
		readers <- r
	}
	close(readers)
	for r := range readers {
		expect(t, r, wire.TypeBegun)
		expect(t, r, wire.TypeData)
	}
	took := time.Since(begin)
	t.Logf("%d KiB before, %d KiB with %d connections after %v, at most %d KiB",
		before, memory(t, o, "VmRSS:"), many, took, memory(t, o, "VmHWM:"))
	if used := memory(t, o, "VmHWM:"); used > limit {
		t.Errorf("%d KiB of memory, of at most %d", used, limit)
	}
}

func memory(t *testing.T, o *running, field string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(o.command.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s", field)
	return 0
}
