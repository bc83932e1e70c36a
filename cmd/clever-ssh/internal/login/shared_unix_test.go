//go:build unix

package login

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	"clever-ssh/internal/test"
)

// After Close, nothing of this process keeps the master, and the master that ends counts as gone.
func TestClose(t *testing.T) {
	folder := test.SocketFolder(t)
	master := filepath.Join(folder, "master")
	l, err := net.Listen("unix", master)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	connect := func() (*Inner, net.Conn) {
		t.Helper()
		i := &Inner{Master: master}
		if err := i.Connect(t.Context()); err != nil || !i.Connected() {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return i, c
	}

	i, c := connect()
	left := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, c)
		left <- err
	}()
	i.Close()
	if err := test.Within(t, "the end of the connection", left); err != nil {
		t.Error(err)
	}
	if !i.Connected() {
		t.Error("the master counts as gone, but it is this process that let go")
	}

	i, c = connect()
	c.Close()
	test.Eventually(t, "the master has gone", func() bool { return !i.Connected() })
	i.Close()
	(&Inner{}).Close()
}
