//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/internal/test"
)

// However many clients come and go, one connection to each master stays: the master lives on for the next client, and
// neither side runs out of descriptors.
func TestListenKeepsOneConnection(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "w") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "master")
	var open atomic.Int32
	master := func() (end func()) {
		l, err := net.Listen("unix", path)
		must(t, err)
		ended := make(chan struct{})
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				open.Add(1)
				go func() {
					<-ended
					c.Close()
				}()
				go func() {
					io.Copy(io.Discard, c)
					open.Add(-1)
				}()
			}
		}()
		return func() {
			l.Close()
			close(ended)
		}
	}
	w := &ways{used: map[string]*login.Inner{}}
	client := func() (leave func()) {
		inner := &login.Inner{Master: path, Lines: path}
		must(t, inner.Connect(t.Context()))
		return w.use(inner)
	}
	stays := func(connections int32) {
		t.Helper()
		test.Eventually(t, "only some connections stay", func() bool { return open.Load() == connections })
	}

	end := master()
	for range 10 {
		client()()
	}
	stays(1)
	first, second := client(), client()
	stays(3)
	first()
	second()
	stays(1)

	end()
	stays(0)
	test.Eventually(t, "the end of the master is noticed", func() bool { return !w.used[path].Connected() })
	end = master()
	client()()
	stays(1)
	client()()
	stays(1)
	w.close()
	stays(0)
	end()
}
