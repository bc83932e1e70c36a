//go:build unix

package openssh

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh/agent"
)

func TestAgentPath(t *testing.T) {
	t.Setenv("MY_AGENT", "/run/mine")
	home := ExpandHome("~/")
	for _, c := range []struct{ option, variable, want string }{
		{"", "/run/agent", "/run/agent"},
		{"", "", DefaultAgent},
		{"SSH_AUTH_SOCK", "/run/agent", "/run/agent"},
		{"none", "/run/agent", ""},
		{"$MY_AGENT", "/run/agent", "/run/mine"},
		{"${MY_AGENT}", "/run/agent", "/run/mine"},
		{"$NO_SUCH_AGENT", "/run/agent", ""},
		{"~/agent", "/run/agent", filepath.Join(home, "agent")},
		{`"/run/my agent"`, "/run/agent", "/run/my agent"},
		{"/run/%h", "/run/agent", "/run/gw.example"},
	} {
		t.Setenv("SSH_AUTH_SOCK", c.variable)
		options := "hostname gw.example\n"
		if c.option != "" {
			options += "identityagent " + c.option + "\n"
		}
		if got := AgentPath(options); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// serveAgent serves an agent for each connection to a socket, and returns the socket's path.
func serveAgent(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	dir := test.SocketFolder(t)
	path := filepath.Join(dir, "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return path
}

func TestListAgent(t *testing.T) {
	keyring := agent.NewKeyring()
	for _, comment := range []string{"one", "two"} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err == nil {
			err = keyring.Add(agent.AddedKey{PrivateKey: &key, Comment: comment})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := ListAgent(context.Background(), serveAgent(t, func(c net.Conn) { agent.ServeAgent(keyring, c) }))
	if err != nil || len(keys) != 2 || keys[0].Comment != "one" || keys[1].Comment != "two" {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := ListAgent(context.Background(), serveAgent(t, func(c net.Conn) { c.Close() })); err == nil {
		t.Error("an agent that hangs up has an answer")
	}
	if _, err := ListAgent(context.Background(), filepath.Join(t.TempDir(), "agent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an agent that is not there: %v", err)
	}
}

// An agent that does not answer, perhaps over a forwarded connection, does not hold clever-ssh up.
func TestSilentAgent(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	enough, silent := errors.New("waited long enough"), make(chan net.Conn)
	path := serveAgent(t, func(c net.Conn) { silent <- c })
	go func() {
		c := <-silent
		t.Cleanup(func() { c.Close() })
		cancel(enough)
	}()
	if keys, err := ListAgent(ctx, path); keys != nil || err != enough {
		t.Errorf("%v, %v", keys, err)
	}
}
