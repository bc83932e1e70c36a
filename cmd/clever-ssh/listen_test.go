//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// listening is a clever-ssh that listens in a home.
type listening struct {
	*home
	port string
	cmd  *exec.Cmd
	said *lines
}

// lines are those that a program has written up to now.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits for a line.
func (l *lines) await(t *testing.T, pattern string) {
	t.Helper()
	for since := time.Now(); !regexp.MustCompile(pattern).MatchString(l.String()); time.Sleep(5 * time.Millisecond) {
		if time.Since(since) > test.Patience {
			t.Fatalf("there is no %q in\n%s", pattern, l)
		}
	}
}

// listenIn starts clever-ssh listen in a home, at a free port, and makes the home's key, which its client has, one of the account's.
func listenIn(t *testing.T, h *home, aliases ...string) *listening {
	t.Helper()
	must(t, os.WriteFile(h.path("id.pub"), ssh.MarshalAuthorizedKey(h.key), 0o600))
	l := &listening{home: h, said: &lines{}}
	l.cmd = h.command("clever-ssh", append([]string{"listen", "--port", "0"}, aliases...)...)
	l.cmd.Stderr = l.said
	out, err := l.cmd.StdoutPipe()
	must(t, err)
	must(t, l.cmd.Start())
	t.Cleanup(func() {
		l.cmd.Process.Signal(syscall.SIGTERM)
		l.cmd.Wait()
		if t.Failed() {
			t.Logf("listen said:\n%s", l.said)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`^sftp -P (\d+) (\S+)@127\.0\.0\.1\n$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("it prints %q, %v", line, err)
	}
	l.port = m[1]
	known := strings.TrimPrefix(readText(t, h.path("clever/bridge_known_hosts")), "clever-ssh-bridge ")
	must(t, os.WriteFile(h.path("known"), fmt.Appendf(nil, "[127.0.0.1]:%s %s[::1]:%[1]s %[2]s", l.port, known), 0o600))
	return l
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

// options are those with which ssh, scp and sftp log in there and nowhere else.
func (l *listening) options(port string) []string {
	return []string{"-F", "none", port, l.port, "-i", l.path("id"), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		"-o", "UserKnownHostsFile=" + l.path("known"), "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"}
}

// ssh is one that logs in as a user, on an address.
func (l *listening) ssh(user, host string, args ...string) *exec.Cmd {
	return l.command(os.Getenv(realSSH), append(append(l.options("-p"), user+"@"+host), args...)...)
}

// One listener serves many clients, each to the instance of its user name.
func TestListen(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	l := listenIn(t, h)
	l.said.await(t, `listening on 127\.0\.0\.1:\d+( and \[::1\]:\d+)?; Ctrl-C ends it`)
	l.said.await(t, `the host key is SHA256:\S+ \(ED25519\), the one in \S+/bridge_known_hosts`)
	var all sync.WaitGroup
	for user, want := range map[string]string{"web": instanceWeb, "web.clever": instanceWeb, "web.run": instanceWeb, appWeb: instanceWeb, "1.pair": "22281f38", "pair": "11281f38"} {
		all.Go(func() {
			var stderr bytes.Buffer
			cmd := l.ssh(user, "127.0.0.1", "cat; echo $INSTANCE_ID; echo err >&2; exit 7")
			cmd.Stdin, cmd.Stderr = strings.NewReader("data\x00\r\n"), &stderr
			out, _ := cmd.Output()
			if !strings.HasPrefix(string(out), "data\x00\r\n"+want) || stderr.String() != "err\n" || cmd.ProcessState.ExitCode() != 7 {
				t.Errorf("%s: %q, %q, %v", user, out, &stderr, cmd.ProcessState)
			}
		})
	}
	all.Wait()
	l.said.await(t, `web\.clever: 127\.0\.0\.1:\d+ has logged in with the key `+regexp.QuoteMeta(ssh.FingerprintSHA256(h.key)))
	l.said.await(t, `1\.pair\.clever: 127\.0\.0\.1:\d+ has left`)
	if out := runs(t, l.ssh("web", "::1", "echo by IPv6")); strings.TrimSpace(out) != "by IPv6" {
		t.Errorf("%q", out)
	}
	_ = g
}
