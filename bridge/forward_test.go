//go:build unix

package bridge

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// listen serves connections on loopback until the test's end.
func listen(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

// sumServer replies with a checksum of what the client sent, once the client has sent everything.
func sumServer(c *net.TCPConn) {
	sum := sha256.New()
	io.Copy(sum, c)
	fmt.Fprintf(c, "%x", sum.Sum(nil))
}

// lastWordServer greets, ends its output, and then reads a word.
func lastWordServer(words chan<- string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		io.WriteString(c, "hello")
		c.CloseWrite()
		word, _ := io.ReadAll(c)
		words <- string(word)
	}
}

// Every relay carries connections; some cannot pass on the client's end.
func TestRelays(t *testing.T) {
	t.Parallel()
	for _, relay := range []struct {
		name      string
		tools     []string // all that the instance has
		halfClose bool
	}{
		{"perl", []string{"perl", "bash"}, true},
		{"python3", []string{"python3", "bash"}, true},
		{"node", []string{"node", "bash"}, true},
		{"bash", []string{"bash", "dd"}, false},
		{"busybox", []string{"dd", "grep", "nc"}, false},
		{"none", []string{"dd", "grep"}, false},
	} {
		t.Run(relay.name, func(t *testing.T) {
			t.Parallel()
			test.Slow(t)
			bin := t.TempDir()
			if relay.name == "busybox" {
				linkBusybox(t, bin, relay.tools...)
			} else {
				linkTools(t, bin, relay.tools...)
			}
			o, _ := instanceShell(t, "PATH="+bin+"\nexec /bin/sh\n")
			client := connectInProcess(t, o)
			defer time.AfterFunc(test.Patience, func() { client.Close() }).Stop()
			if relay.name == "none" {
				_, err := client.Dial("tcp", reservedAddress(t))
				wantOpenError(t, err, "none of perl, python3, node, bash and BusyBox nc")
				return
			}
			_, err := client.Dial("tcp", reservedAddress(t))
			wantOpenError(t, err, "refused")

			// The destination ends first.
			words := make(chan string, 1)
			c, err := client.Dial("tcp", listen(t, lastWordServer(words)))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			io.WriteString(c, "goodbye")
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if word := <-words; word != "goodbye" {
				t.Errorf("the last word was %q", word)
			}

			// A lot of data, both ways at once.
			data := make([]byte, 1<<20)
			rand.Read(data)
			c, err = client.Dial("tcp", listen(t, func(c *net.TCPConn) { io.CopyN(c, c, int64(len(data))) }))
			if err != nil {
				t.Fatal(err)
			}
			go c.Write(data)
			if got, err := io.ReadAll(c); !bytes.Equal(got, data) || err != nil {
				t.Errorf("%d bytes of %d came back, %v", len(got), len(data), err)
			}
			c.Close()

			if !relay.halfClose {
				return
			}
			c, err = client.Dial("tcp", listen(t, sumServer))
			if err != nil {
				t.Fatal(err)
			}
			c.Write(data)
			c.(interface{ CloseWrite() error }).CloseWrite()
			if got, err := io.ReadAll(c); string(got) != fmt.Sprintf("%x", sha256.Sum256(data)) || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			c.Close()
		})
	}
}

// A relay that is slow still passes on what the client sent before it closed the channel.
func TestRelayPassesOnLastWord(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	// This perl tries whether there is a perl, and then is a relay that goes on once it is told to.
	perl := "#!/bin/sh\n[ \"$1\" = -e ] || exit 0\necho connected >&2\nuntil [ -e go ]; do sleep 0.1; done\n" +
		"head -c 1000000 /dev/zero\ncat >word\nmv word words\n"
	if err := os.WriteFile(filepath.Join(bin, "perl"), []byte(perl), 0o755); err != nil {
		t.Fatal(err)
	}
	o, home := instanceShell(t, "PATH="+bin+":$PATH\nexec bash\n")
	client := connectInProcess(t, o)
	ch, requests, err := client.OpenChannel(toTCP, ssh.Marshal(struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}{"localhost", 1, "127.0.0.1", 1}))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(ch, "goodbye")
	ch.Close()
	test.Within(t, "the end of the channel", requests)
	if err := os.WriteFile(filepath.Join(home, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var words []byte
	test.Eventually(t, "the relay has all it gets", func() bool {
		words, err = os.ReadFile(filepath.Join(home, "words"))
		return err == nil
	})
	if string(words) != "goodbye" {
		t.Errorf("%q", words)
	}
}

// A silent connection does not hold up other sessions of the same login. BusyBox's cat did: it waits in
// sendfile, with a lock on the pipe that sshd is about to read.
func TestSilentForwardHoldsUpNothing(t *testing.T) {
	t.Parallel()
	const instance = "#!/bin/sh\necho 'Opening an ssh shell'\n"
	greeting := strings.Repeat("hello ", 100_000) + "\n" // more than sshd has read when the relay waits for more data
	for _, row := range []struct {
		name   string
		script func(*testing.T) string
	}{
		{"BusyBox alone", func(t *testing.T) string {
			return "PATH=$PATH:/usr/sbin\nexec chroot " + test.BusyboxRoot(t) + " /bin/env -i PATH=/bin HOME=/root /bin/sh\n"
		}},
		{"bash with BusyBox", func(t *testing.T) string {
			bin := t.TempDir()
			linkTools(t, bin, "bash")
			linkBusybox(t, bin, "cat", "dd", "grep", "nc")
			return "PATH=" + bin + " exec bash\n"
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			startSSHDWith(t, w, instance+row.script(t), w.shareMaster()...)
			addr := listen(t, func(c *net.TCPConn) {
				io.WriteString(c, greeting)
				line, _ := bufio.NewReader(c).ReadString('\n')
				io.WriteString(c, "you said "+line)
			})
			tunnel := w.command("ssh", "-W", addr, "web")
			tunnel.Stderr = t.Output()
			stdin, err1 := tunnel.StdinPipe()
			stdout, err2 := tunnel.StdoutPipe()
			if err := errors.Join(err1, err2, tunnel.Start()); err != nil {
				t.Fatal(err)
			}
			defer tunnel.Wait()
			defer time.AfterFunc(3*test.Patience, func() { tunnel.Process.Kill() }).Stop()
			answers := bufio.NewReader(stdout)
			if got, err := answers.ReadString('\n'); got != greeting {
				t.Fatalf("%d bytes of the greeting, %v", len(got), err)
			}
			if got := run(t, w.command("ssh", "web", "echo beside it")); got != (result{"beside it\n", "", 0}) {
				t.Errorf("a session beside the silent connection: %+v", got)
			}
			io.WriteString(stdin, "goodbye\n")
			if got, err := io.ReadAll(answers); string(got) != "you said goodbye\n" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// wantOpenError checks that a channel was refused because its destination was.
func wantOpenError(t *testing.T, err error, text string) {
	t.Helper()
	refused := new(ssh.OpenChannelError)
	if !errors.As(err, &refused) || refused.Reason != ssh.ConnectionFailed || !strings.Contains(refused.Message, text) {
		t.Errorf("%v", err)
	}
}

func TestHostileDestinations(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "exec bash\n")
	client := connectInProcess(t, o)
	for _, host := range []string{"", "-e", "a b", "a;touch here", "$(touch here)", "`touch here`", "a'b", "a\nb", "a\x00b", "é", "::1%lo", strings.Repeat("a", 254), "127.0.0.1/22"} {
		_, _, err := client.OpenChannel("direct-tcpip", ssh.Marshal(struct {
			Host       string
			Port       uint32
			Originator string
			From       uint32
		}{host, 22, "127.0.0.1", 1}))
		wantOpenError(t, err, "not a host name")
	}
	for _, port := range []uint32{0, 65536, 1 << 31} {
		_, _, err := client.OpenChannel("direct-tcpip", ssh.Marshal(struct {
			Host       string
			Port       uint32
			Originator string
			From       uint32
		}{"127.0.0.1", port, "127.0.0.1", 1}))
		wantOpenError(t, err, "the port must be between")
	}
	if _, _, err := client.OpenChannel("direct-tcpip", []byte("x")); err == nil {
		t.Error("a malformed request was accepted")
	}
	if _, err := os.Stat(filepath.Join(home, "here")); err == nil {
		t.Error("a host name was executed")
	}
}

func TestSSHForwards(t *testing.T) {
	t.Parallel()
	test.Need(t, "curl")
	eachGateway(t, func(t *testing.T, w *world) {
		sums := listen(t, sumServer)
		data := strings.Repeat("some data\n", 100_000)
		want := fmt.Sprintf("%x", sha256.Sum256([]byte(data)))

		direct := w.command("ssh", "-W", sums, "web")
		direct.Stdin = strings.NewReader(data)
		if got := succeeds(t, direct); got != want {
			t.Errorf("-W: %q", got)
		}
		got := run(t, w.command("ssh", "-W", reservedAddress(t), "web"))
		if got.status != 255 || !strings.Contains(strings.ToLower(got.stderr), "open failed: connect failed: connection refused") {
			t.Errorf("-W to nobody: %+v", got)
		}
		if got := run(t, w.command("ssh", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes", "web", "true")); (got.status == 0) != w.far {
			t.Errorf("-R: %+v", got)
		}

		local, socks := w.path("local"), reservedAddress(t)
		tunnel := w.command("ssh", "-N", "-L", local+":"+sums, "-D", socks, "web")
		tunnel.Stderr = t.Output()
		if err := tunnel.Start(); err != nil {
			t.Fatal(err)
		}
		defer tunnel.Wait()
		defer tunnel.Process.Kill()
		test.Eventually(t, "the tunnel is open", func() bool {
			c, err := net.Dial("unix", local)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		few := data[:len(data)/20] // the test above checks how much one connection carries
		want = fmt.Sprintf("%x", sha256.Sum256([]byte(few)))
		var work sync.WaitGroup
		for range 12 { // more than begin at once
			work.Go(func() {
				c, err := net.Dial("unix", local)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				io.WriteString(c, few)
				c.(*net.UnixConn).CloseWrite()
				if got, err := io.ReadAll(c); string(got) != want || err != nil {
					t.Errorf("-L: %q, %v", got, err)
				}
			})
		}
		work.Wait()
		page := listen(t, func(c *net.TCPConn) {
			c.Read(make([]byte, 4096))
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\npage")
		})
		if got := succeeds(t, w.command("curl", "-sS", "--socks5-hostname", socks, "http://"+page)); got != "page" {
			t.Errorf("-D: %q", got)
		}
	})
}
