//go:build unix

package bridge

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"

	"github.com/hashicorp/yamux"
)

// lineVariable names the socket on which the tests keep the line of a bridge. Everything then waits for the outpost.
const lineVariable = "BRIDGE_TEST_LINE"

// directLine keeps its outposts in this process. It is a Line.
type directLine struct {
	options  func() Options
	programs Programs
	said     io.Writer // steps are written here

	mu       sync.Mutex
	sessions map[string]*yamux.Session
	outposts []io.ReadWriteCloser
}

func (l *directLine) Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions[target]
	if s == nil || s.IsClosed() {
		o, err := OpenOutpost(ctx, l.options(), target, l.programs, func(format string, a ...any) {
			if l.said != nil {
				fmt.Fprintf(l.said, format+"\n", a...)
			}
		})
		if err != nil {
			return nil, err
		}
		if s, err = wire.Near(o); err != nil {
			return nil, err
		}
		l.sessions[target] = s
		l.outposts = append(l.outposts, o)
	}
	st, err := s.OpenStream()
	if err != nil {
		return nil, err
	}
	return drained{st}, nil
}

func (l *directLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		s.Close()
	}
	for _, o := range l.outposts {
		o.Close()
	}
}

type drained struct{ *yamux.Stream }

func (d drained) Close() error {
	go io.Copy(io.Discard, d.Stream)
	return d.Stream.Close()
}

// outpostFolder is the folder that builtOutpost has made, if any test needed it.
var outpostFolder string

// builtOutpost returns the file of an outpost for this machine, compressed and named by its hash.
var builtOutpost = sync.OnceValues(func() (file string, err error) {
	if outpostFolder, err = os.MkdirTemp("", "outpost-"); err != nil {
		return "", err
	}
	program := filepath.Join(outpostFolder, "outpost")
	if err := test.BuildOutpost(program); err != nil {
		return "", err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	w.Write(content)
	w.Close()
	os.Remove(program)
	file = filepath.Join(outpostFolder, fmt.Sprintf("%x.gz", sha256.Sum256(content)))
	return file, os.WriteFile(file, compressed.Bytes(), 0o600)
})

// needOutpost returns the file of an outpost. It is built at most once.
func needOutpost(t *testing.T) string {
	t.Helper()
	test.Need(t, "go")
	if out, err := exec.Command("uname", "-s").Output(); err != nil || strings.TrimSpace(string(out)) != "Linux" {
		t.Skip("an outpost runs on Linux")
	}
	file, err := builtOutpost()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// readPrograms reads the programs from a file.
func readPrograms(file string) (Programs, error) {
	program, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	machine, err := exec.Command("uname", "-m").Output()
	hash := strings.TrimSuffix(filepath.Base(file), ".gz")
	return Programs{strings.TrimSpace(string(machine)): {hash, program}}, err
}

// withOutpost makes everything that goes through a world's bridge wait for an outpost. All its bridges share one line.
func (w *world) withOutpost(t *testing.T) *world {
	t.Helper()
	_, l := withLine(t, w.options())
	socket, err := net.Listen("unix", w.path("line"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			c, err := socket.Accept()
			if err != nil {
				return
			}
			go l.serve(c.(*net.UnixConn))
		}
	}()
	w.far = true
	w.env = append(w.env, lineVariable+"="+w.path("line"))
	return w
}

// serve connects a bridge to the outpost on the target that it names, in a line.
func (l *directLine) serve(c *net.UnixConn) {
	defer c.Close()
	var to string
	if _, err := fmt.Fscanln(c, &to); err != nil {
		return
	}
	stream, err := l.Open(context.Background(), to, true)
	if err != nil {
		fmt.Fprintln(c, err)
		return
	}
	fmt.Fprintln(c)
	ended := make(chan struct{})
	go func() {
		io.Copy(c, stream)
		c.CloseWrite()
		close(ended)
	}()
	io.Copy(stream, c)
	stream.Close()
	<-ended
}

// lineAt is a Line that is kept by the process listening on a socket.
type lineAt string

func (l lineAt) Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	c, err := net.Dial("unix", string(l))
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(c, target)
	var why strings.Builder
	for b := []byte{0}; b[0] != '\n'; why.Write(b) {
		if _, err := io.ReadFull(c, b); err != nil {
			c.Close()
			return nil, err
		}
	}
	if why := strings.TrimSpace(why.String()); why != "" {
		c.Close()
		return nil, errors.New(why)
	}
	return c, nil
}
