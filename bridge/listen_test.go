//go:build unix

package bridge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// echoBack echoes the data of each connection of a listener, until the listener ends.
func echoBack(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

// echoed sends text to an address, and reports whether it comes back.
func echoed(network, address string) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	text := strings.Repeat("some data\n", 1000)
	go func() {
		io.WriteString(c, text)
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(c); string(got) != text {
		return fmt.Errorf("%d bytes of %d came back, %v", len(got), len(text), err)
	}
	return nil
}

// Connections to a client's listener on the instance reach the client, many at once, until the client cancels
// it.
func TestListeners(t *testing.T) {
	t.Parallel()
	o, home, _ := instanceWithOutpost(t, "exec bash\n")
	client := connectInProcess(t, o)
	overTCP, err := client.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(home, "s")
	overUnix, err := client.ListenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{overTCP, overUnix} {
		go echoBack(l)
		network, address := l.Addr().Network(), l.Addr().String()
		var all sync.WaitGroup
		for range 40 { // more than are passed on at once
			all.Go(func() {
				if err := echoed(network, address); err != nil {
					t.Errorf("%s: %v", network, err)
				}
			})
		}
		all.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		test.Eventually(t, "nobody listens any more", func() bool {
			c, err := net.Dial(network, address)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
	// A listener that does not exist cannot be cancelled, and a port in use cannot be had.
	if ok, _, _ := client.SendRequest("cancel-tcpip-forward", true, ssh.Marshal(struct {
		Host string
		Port uint32
	}{"127.0.0.1", 1})); ok {
		t.Error("a listener was cancelled that never was")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if l, err := client.Listen("tcp", taken.Addr().String()); err == nil {
		t.Errorf("there are two listeners at %v", l.Addr())
	}
}

// A listener whose line breaks listens again, at the same port.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	o, _, line := instanceWithOutpost(t, "exec bash\n")
	client := connectInProcess(t, o)
	l, err := client.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go echoBack(l)
	for range 2 {
		if err := echoed("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		line.close()
		test.Eventually(t, "it listens again", func() bool { return echoed("tcp", l.Addr().String()) == nil })
	}
}

// All of a client's sessions can use its agent: a later one also when the one that asked first has ended.
func TestAgentOfEachSession(t *testing.T) {
	t.Parallel()
	o, _, _ := instanceWithOutpost(t, "exec bash\n")
	client := connectInProcess(t, o)
	key, _ := test.NewKey(t)
	keys := agent.NewKeyring()
	if err := errors.Join(keys.Add(agent.AddedKey{PrivateKey: key, Comment: "mine"}), agent.ForwardToAgent(client, keys)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		session := newSession(t, client)
		stdin, err := session.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := session.StdoutPipe()
		if err := errors.Join(err, agent.RequestAgentForwarding(session), session.Start(`echo "$SSH_AUTH_SOCK"; cat`)); err != nil {
			t.Fatal(err)
		}
		path, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("unix", strings.TrimSpace(path))
		if err != nil {
			t.Fatalf("%v, at %q", err, path)
		}
		if got, err := agent.NewClient(conn).List(); err != nil || len(got) != 1 || got[0].Comment != "mine" {
			t.Errorf("the agent holds %v, %v", got, err)
		}
		conn.Close()
		stdin.Close()
		if err := session.Wait(); err != nil {
			t.Error(err)
		}
		session.Close()
	}
}
