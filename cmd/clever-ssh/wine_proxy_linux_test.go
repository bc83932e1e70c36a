package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

func testWineProxy(t *testing.T, w *prefix) {
	h := testHome(t) // for its key
	g := startGateway(t, h)
	program := w.install(t, "proxy")
	pinned := []string{"--pin", pinOf(g, 0), "--pin", pinOf(g, 1)}
	setup := func(g *gateway.Gateway) {
		runs(t, w.wine(program, append([]string{"setup", "--gateway", "ssh@" + g.Addr()}, pinned...)...))
	}
	setup(g)
	start := func(t *testing.T) *piped {
		p, err := startPiped(w.wine(program, "proxy", "clever"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.cmd.Process.Kill() })
		return p
	}
	checked := func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if found := ssh.FingerprintSHA256(key); found != pinOf(g, 0) {
			return fmt.Errorf("the client sees the host key %s", found)
		}
		return nil
	}
	connect := func(t *testing.T) (*piped, *ssh.Session) {
		p := start(t)
		client, err := sshClient(h, p, ssh.KeyAlgoED25519, checked)
		if err != nil {
			p.Close()
			p.ended(t)
			t.Fatalf("%v\n%s", err, p.said.String())
		}
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		return p, session
	}
	// expectEnd waits for a proxy to end without a word. The time is part of the promise: once the
	// client has gone, the gateway gets five seconds to finish. The other three are for Wine.
	expectEnd := func(t *testing.T, p *piped) {
		t.Helper()
		began := time.Now()
		p.ended(t)
		if took := time.Since(began); took > 8*time.Second || p.said.Len() > 0 {
			t.Errorf("the proxy ended after %v and said %q", took, p.said.String())
		}
		if left := w.running("clever-ssh"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}

	t.Run("a terminal", func(t *testing.T) {
		p, session := connect(t)
		if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Fatal(err)
		}
		session.Stdin = strings.NewReader("tty; exit 6\n")
		out, err := session.Output(appWeb)
		if status := new(ssh.ExitError); !errors.As(err, &status) || status.ExitStatus() != 6 || !bytes.Contains(out, []byte("/dev/pts/")) {
			t.Errorf("%v\n%s", err, out)
		}
		p.Close()
		expectEnd(t, p)
		if s := g.Events().Sessions; len(s) != 1 || s[0].Target != appWeb || !s[0].TTY {
			t.Errorf("the sessions are %+v", s)
		}
		known, err := os.ReadFile(filepath.Join(w.home, ".ssh", "clever", "known_hosts"))
		if want := "clever-ssh-clever " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(g.HostKeys[0].PublicKey()))); err != nil || strings.TrimSpace(string(known)) != want {
			t.Errorf("known_hosts: %v\n%s\nwant\n%s", err, known, want)
		}
	})
	t.Run("five megabytes both ways", func(t *testing.T) {
		p, session := connect(t)
		data := make([]byte, 5<<20)
		rand.New(rand.NewSource(1)).Read(data)
		session.Stdin = io.MultiReader(strings.NewReader("echo begin; exec cat\n"), bytes.NewReader(data))
		out, err := session.Output(instanceWeb)
		if _, got, _ := bytes.Cut(out, []byte("begin\n")); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v: %d bytes came back, of %d", err, len(got), len(data))
		}
		p.Close()
		expectEnd(t, p)
	})
	t.Run("a client that leaves", func(t *testing.T) {
		p, session := connect(t)
		session.Stdin = strings.NewReader("")
		if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
			t.Fatal(err)
		}
		if err := session.Start(appWeb); err != nil {
			t.Fatal(err)
		}
		p.stdin.Close()
		expectEnd(t, p)
	})
	t.Run("a client that leaves early", func(t *testing.T) {
		p := start(t)
		if _, err := io.ReadFull(p, make([]byte, len("SSH-2.0-"))); err != nil {
			t.Fatal(err)
		}
		if len(w.running("clever-ssh")) != 1 {
			t.Errorf("what runs is %q", w.running(""))
		}
		p.stdin.Close()
		expectEnd(t, p)
	})
	t.Run("a gateway that is not pinned", func(t *testing.T) {
		other := &gateway.Gateway{HostKeys: mustKeys(otherHostKeys), Accounts: g.Accounts}
		if err := other.Start("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		setup(other)
		p := start(t)
		_, err := sshClient(h, p, ssh.KeyAlgoED25519, checked)
		if read := regexp.MustCompile(`reason 9: "?clever-ssh: host key ` + regexp.QuoteMeta(pinOf(other, 0)) + ` is not pinned`); err == nil || !read.MatchString(err.Error()) {
			t.Errorf("the client reads %v", err)
		}
		p.Close()
		status, told := p.ended(t), regexp.MustCompile(`clever-ssh: host key `+regexp.QuoteMeta(pinOf(other, 0))+` of \S+ is not pinned(?s:.*)\nhint: `)
		if status.ExitCode() != ui.ExitFailed || !told.MatchString(p.said.String()) {
			t.Errorf("%v, and it says\n%s", status, p.said.String())
		}
		if attempts := other.Events().Attempts; len(attempts) > 0 {
			t.Errorf("authentication attempts at a gateway that is not pinned: %v", attempts)
		}
	})
}
