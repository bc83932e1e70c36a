//go:build linux

package outpost

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

func TestListenTCP(t *testing.T) {
	c := start(t, Options{})
	l := c.listen(wire.Listen{Network: wire.TCP})
	b := l.begun()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(b.Port)))
	// More clients connect than are accepted yet.
	var conns []net.Conn
	for range 5 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	peers := map[uint32]*far{}
	for range conns {
		a := c.open(wire.TypeAccept, wire.Uint32(b.Listener))
		peer := a.begun()
		if peer.Address != "127.0.0.1" {
			t.Errorf("the peer is %+v", peer)
		}
		peers[peer.Port] = a
	}
	for _, conn := range conns {
		a := peers[uint32(conn.LocalAddr().(*net.TCPAddr).Port)]
		if a == nil {
			t.Fatal("a connection was not accepted")
		}
		a.Write([]byte("hello"))
		a.eof()
		if all, err := io.ReadAll(conn); err != nil || string(all) != "hello" {
			t.Errorf("%q %v", all, err)
		}
		conn.Write([]byte("back"))
		conn.Close()
		if o := a.rest(); o.stdout != "back" {
			t.Errorf("%q", o.stdout)
		}
	}

	// A second listener cannot have the port, and a waiting accept learns of the end.
	if why := c.listen(wire.Listen{Network: wire.TCP, Port: b.Port}).failed(); why != "address already in use" {
		t.Errorf("%q", why)
	}
	waits := c.open(wire.TypeAccept, wire.Uint32(b.Listener))
	other := c.open(wire.TypeAccept, wire.Uint32(b.Listener))
	other.stream.Close()
	l.stream.Close()
	if why := waits.failed(); why != "the listener has ended" && why != "no such listener" {
		t.Errorf("%q", why)
	}
	test.Eventually(t, "the end of the listener", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if why := c.listen(wire.Listen{Network: wire.TCP, Port: 65536}).failed(); why != "no such port" {
		t.Errorf("%q", why)
	}
}

func TestListenUnix(t *testing.T) {
	c := start(t, Options{})
	path := t.TempDir() + "/socket"
	l := c.listen(wire.Listen{Network: wire.Unix, Path: path})
	b := l.begun()
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if why := c.listen(wire.Listen{Network: wire.Unix, Path: path}).failed(); why != "address already in use" {
		t.Errorf("%q", why)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := c.open(wire.TypeAccept, wire.Uint32(b.Listener))
	if peer := a.begun(); peer.Address != "" {
		t.Errorf("%+v", peer)
	}
	a.Write([]byte("text"))
	a.eof()
	if all, err := io.ReadAll(conn); err != nil || string(all) != "text" {
		t.Errorf("%q %v", all, err)
	}
	l.stream.Close()
	test.Eventually(t, "the end of the socket", func() bool { return !exists(path) })

	for path, want := range map[string]string{
		"": "no such file or directory", "@abstract": "no such file or directory", t.TempDir() + "/none/x": "no such file or directory",
		"/tmp/" + strings.Repeat("x", 200): "the path of the socket is too long",
	} {
		if why := c.listen(wire.Listen{Network: wire.Unix, Path: path}).failed(); why != want {
			t.Errorf("%s: %q", path, why)
		}
	}
}

// A file that somebody else has put at the path of a socket stays.
func TestPathTaken(t *testing.T) {
	c := start(t, Options{})
	path := t.TempDir() + "/socket"
	c.listen(wire.Listen{Network: wire.Unix, Path: path}).begun()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, "another's")
	c.close()
	if !exists(path) {
		t.Error("another's file was removed")
	}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	const name = "0123456789abcdef"
	folder := t.TempDir() + "/private"
	c := start(t, Options{Folder: folder})
	// The command comes first, and waits for its agent.
	f := c.exec(wire.Exec{Command: `printf %s "$SSH_AUTH_SOCK"`, Agent: name, Login: true})
	l := c.listen(wire.Listen{Network: wire.Agent, Name: name})
	b := l.begun()
	f.begun()
	path := f.rest().stdout
	if filepath.Dir(path) != folder {
		t.Errorf("the socket is %q", path)
	}
	for at, want := range map[string]os.FileMode{folder: os.ModeDir | 0o700, path: os.ModeSocket | 0o600} {
		if info, err := os.Lstat(at); err != nil || info.Mode() != want {
			t.Errorf("%s is %v (%v)", at, info.Mode(), err)
		}
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte("question"))
	a := c.open(wire.TypeAccept, wire.Uint32(b.Listener))
	a.begun()
	a.until("question")
	a.stream.Close()
	conn.Close()

	if why := c.listen(wire.Listen{Network: wire.Agent, Name: name}).failed(); why != "address already in use" {
		t.Errorf("%q", why)
	}
	for _, bad := range []string{"", "../../xxxx", "0123456", "ABCDEF0123", strings.Repeat("a", 65), "01234567/"} {
		if why := c.listen(wire.Listen{Network: wire.Agent, Name: bad}).failed(); why != "invalid agent name" {
			t.Errorf("%q: %q", bad, why)
		}
	}
	l.stream.Close()
	test.Eventually(t, "the end of the socket", func() bool { return !exists(path) })

	c.listen(wire.Listen{Network: wire.Agent, Name: name}).begun()
	c.close()
	if exists(path) {
		t.Error("the socket is there after the end of the line")
	}

	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	open := start(t, Options{Folder: folder})
	if why := open.listen(wire.Listen{Network: wire.Agent, Name: name}).failed(); why != "the folder for the socket is not private" {
		t.Errorf("%q", why)
	}
	none := start(t, Options{})
	if why := none.listen(wire.Listen{Network: wire.Agent, Name: name}).failed(); !strings.Contains(why, "no private folder") {
		t.Errorf("%q", why)
	}
}
