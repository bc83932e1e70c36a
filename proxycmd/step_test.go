package proxycmd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// told is what Step received, in order.
type told []string

func (got *told) step(text string) { *got = append(*got, text) }

func (got told) check(t *testing.T, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("the steps are\n%s\nand not %d", strings.Join(got, "\n"), len(want))
	}
	for i, pattern := range want {
		if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got[i]) {
			t.Errorf("step %d is %q, want %q", i+1, got[i], pattern)
		}
	}
}

var stepsToReply = []string{
	`connected to 127\.0\.0\.1:\d+`,
	`the server identifies itself as "SSH-2\.0-Go"`,
	`key exchange curve25519-sha256, host key algorithm ssh-ed25519`,
}

func TestSteps(t *testing.T) {
	server := startSSHServer(t, "curve25519-sha256")
	var got told
	atEstablished := 0
	p := start(t, t.Context(), server.gateway(), Options{Timeout: test.Patience, Step: got.step, Established: func() { atEstablished = len(got) }})
	conn, channels, requests, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, channels, requests)
	echo(t, client, 1000)
	client.Close()
	if err := p.wait(t); err != nil {
		t.Error(err)
	}
	got.check(t, append(stepsToReply, `host key SHA256:\S+ is pinned`, `both sides have sent NEWKEYS: .*`)...)
	if atEstablished != len(got) {
		t.Errorf("Established was called after step %d of %d", atEstablished, len(got))
	}
}

// Step hears what was done up to a refusal, and nothing about a key that is not pinned.
func TestStepsUpToRefusal(t *testing.T) {
	server := startSSHServer(t, "curve25519-sha256")
	var got told
	p := start(t, t.Context(), testGateway(server.port, "another key"), Options{Timeout: test.Patience, Step: got.step})
	if _, _, _, err := ssh.NewClientConn(p, "test:22", &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.InsecureIgnoreHostKey()}); err == nil {
		t.Error("there is a connection")
	}
	p.stdin.Close()
	if err, wrong := p.wait(t), new(HostKeyError); !errors.As(err, &wrong) {
		t.Error(err)
	}
	got.check(t, stepsToReply...)
}

// No step holds a character that a terminal obeys, whatever a server calls itself.
func TestStepsOfHostileServer(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for _, identification := range []string{"SSH-2.0-\x1b]0;x\a\r\n", "SSH-2.0-a\"b\\x1b\r\n", "\x1b[2J\r\nSSH-2.0-x\r\n"} {
		t.Run(fmt.Sprintf("%q", identification), func(t *testing.T) {
			t.Parallel()
			var got told
			port := serve(t, func(conn net.Conn) { io.WriteString(conn, identification) })
			p := start(t, t.Context(), testGateway(port, "key"), Options{Timeout: test.Patience, Step: got.step})
			go io.Copy(io.Discard, p)
			io.WriteString(p, "SSH-2.0-test\r\n")
			if err := p.wait(t); err == nil {
				t.Error("there is no error")
			}
			if text := strings.Join(got, ""); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the steps are %q", got)
			}
		})
	}
}

// The steps name a host's addresses, and each that does not answer.
func TestStepsOfDialling(t *testing.T) {
	l := listen(t)
	var got told
	conn, err := dialHost(t.Context(), "localhost", port(l), got.step)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if len(got) < 2 || !strings.HasPrefix(got[0], "resolved localhost to ") || !strings.HasPrefix(got[len(got)-1], "connected to 127.0.0.1:") {
		t.Errorf("the steps are %q", got)
	}
	closed := port(l)
	l.Close()
	got = nil
	if _, err := dial(t.Context(), config.Address{Host: "127.0.0.1", Port: closed}, config.Via{}, got.step); err == nil {
		t.Error("there is a connection")
	}
	got.check(t, `an attempt failed: dial tcp 127\.0\.0\.1:\d+: .*`)
}

// No step holds a proxy's password.
func TestStepsThroughProxy(t *testing.T) {
	proxy := serve(t, func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1000)); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		}
	})
	via, err := config.ParseVia(fmt.Sprintf("http://me:secret@127.0.0.1:%d", proxy))
	if err != nil {
		t.Fatal(err)
	}
	var got told
	conn, err := dial(t.Context(), config.Address{Host: "gateway.test", Port: 22}, via, got.step)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	got.check(t, `connected to 127\.0\.0\.1:\d+`, `the proxy http://me:xxxxx@127\.0\.0\.1:\d+ connected to gateway\.test:22`)
}
