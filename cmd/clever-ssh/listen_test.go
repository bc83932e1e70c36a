//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// lines are the lines that a program has written so far.
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
	re := regexp.MustCompile(pattern)
	test.Eventually(t, "a line with "+pattern, func() bool { return re.MatchString(l.String()) }, l.String)
}

// listenIn starts clever-ssh listen in a home, at a free port. The home's key, which its client has, becomes
// one of the account's.
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
	known := readText(t, h.path("clever/bridge_known_hosts"))
	known = strings.ReplaceAll(known, "clever-ssh-bridge ", fmt.Sprintf("[127.0.0.1]:%s,[::1]:%[1]s ", l.port))
	must(t, os.WriteFile(h.path("known"), []byte(known), 0o600))
	return l
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

// options returns the options with which ssh, scp and sftp log in there and nowhere else.
func (l *listening) options(port string) []string {
	known := []string{"UserKnownHostsFile " + l.path("known"), "StrictHostKeyChecking yes"}
	return append(test.SSHArguments(test.Alone, known), "-i", l.path("id"), port, l.port)
}

// ssh returns an ssh that logs in as a user, on an address.
func (l *listening) ssh(user, host string, args ...string) *exec.Cmd {
	return l.command(os.Getenv(realSSH), append(append(l.options("-p"), user+"@"+host), args...)...)
}

// One listener serves many clients, each to the instance of its user name.
func TestListen(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	l := listenIn(t, h)
	l.said.await(t, `listening on 127\.0\.0\.1:\d+( and \[::1\]:\d+)?; Ctrl-C ends it`)
	l.said.await(t, `host key SHA256:\S+ \(ED25519\), pinned in \S+/bridge_known_hosts\n`)
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
	l.said.await(t, `web\.clever: 127\.0\.0\.1:\d+ logged in with the key `+regexp.QuoteMeta(ssh.FingerprintSHA256(h.key)))
	l.said.await(t, `1\.pair\.clever: 127\.0\.0\.1:\d+ left`)
	if out := runs(t, l.ssh("web", "::1", "echo by IPv6")); strings.TrimSpace(out) != "by IPv6" {
		t.Errorf("%q", out)
	}
}

// The programs known to need it work: curl uploads, fetches and lists, and paramiko runs commands.
func TestListenPrograms(t *testing.T) {
	needPrograms(t)
	t.Parallel()
	const python = "/usr/bin/python3" // the system's, which has its packages
	test.Need(t, "curl", "sftp")
	if exec.Command(python, "-c", "import paramiko").Run() != nil {
		test.Missing(t, "paramiko")
	}
	h, _, far := programHome(t)
	l := listenIn(t, h, "web")
	data := strings.Repeat("some data\r\n\x00\xff", 100_000)
	must(t, os.WriteFile(filepath.Join(h.dir, "file"), []byte(data), 0o600))
	there, back := filepath.Join(far, "there"), filepath.Join(h.dir, "back")

	url := "sftp://127.0.0.1:" + l.port + there
	curl := func(args ...string) *exec.Cmd {
		must(t, os.WriteFile(h.path("known_hosts"), []byte(readText(t, h.path("known"))), 0o600))
		cmd := l.command("curl", append([]string{"-sS", "--key", h.path("id"), "--pubkey", h.path("id.pub"), "-u", "web:"}, args...)...)
		return cmd
	}
	runs(t, curl("-T", filepath.Join(h.dir, "file"), url))
	sameFiles(t, filepath.Join(h.dir, "file"), there)
	runs(t, curl("-o", back, url))
	sameFiles(t, there, back)

	must(t, os.Remove(there), os.Remove(back))
	sftp := l.command("sftp", append(l.options("-P"), "-b", "-", "web@127.0.0.1")...)
	sftp.Stdin = strings.NewReader("put " + filepath.Join(h.dir, "file") + " " + there + "\nget " + there + " " + back + "\n")
	runs(t, sftp)
	sameFiles(t, filepath.Join(h.dir, "file"), there)
	sameFiles(t, there, back)

	out := runs(t, l.command(python, "-c", `
import paramiko, sys
key, known, port = sys.argv[1:]
c = paramiko.SSHClient()
c.load_host_keys(known)
c.connect("127.0.0.1", int(port), username="web", key_filename=key, allow_agent=False, look_for_keys=False)
i, o, e = c.exec_command("cat; exit 7")
i.write(b"x" * 1000000)
i.channel.shutdown_write()
assert o.read() == b"x" * 1000000 and o.channel.recv_exit_status() == 7
d = c.get_transport().open_channel("direct-tcpip", ("127.0.0.1", int(port)), ("127.0.0.1", 1))
print(d.recv(7).decode())
c.close()
`, h.path("id"), h.path("known"), l.port))
	if out != "SSH-2.0\n" {
		t.Errorf("through a tunnel comes %q", out)
	}
}

// Ctrl-C ends everything that goes through it: a command, a tunnel, a client that reads nothing. No process,
// socket or file is left.
func TestListenEnds(t *testing.T) {
	t.Parallel()
	h, _, far := programHome(t)
	tmp := filepath.Join(h.dir, "tmp")
	must(t, os.Mkdir(tmp, 0o700))
	h.env = append(h.env, "TMPDIR="+tmp)
	l := listenIn(t, h)
	running := l.ssh("web", "127.0.0.1", "echo $$ >"+far+"/pid; trap 'echo hung up >"+far+"/end; exit' HUP; while :; do sleep 0.1; done")
	must(t, running.Start())
	deaf := l.ssh("pair", "127.0.0.1", "cat /dev/zero")
	unread, err := deaf.StdoutPipe()
	must(t, err)
	must(t, deaf.Start())
	unread.Read(make([]byte, 1))
	awaitFile(t, filepath.Join(far, "pid"))
	idle, err := net.Dial("tcp", "127.0.0.1:"+l.port)
	must(t, err)
	defer idle.Close()

	must(t, l.cmd.Process.Signal(os.Interrupt))
	if err := l.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	for _, cmd := range []*exec.Cmd{running, deaf} {
		cmd.Process.Signal(syscall.SIGCONT)
		unread.Close()
		if err := cmd.Wait(); err == nil {
			t.Error("a client takes it for success")
		}
	}
	awaitFile(t, filepath.Join(far, "end"))
	for _, folder := range []string{tmp, filepath.Join(h.dir, "run")} {
		var left []os.DirEntry
		test.Eventually(t, folder+" is empty", func() (empty bool) {
			left, err = os.ReadDir(folder)
			must(t, err)
			return len(left) == 0
		}, func() string { return fmt.Sprint(left) })
	}
}

func awaitFile(t *testing.T, file string) {
	t.Helper()
	test.Eventually(t, file, func() bool {
		text, err := os.ReadFile(file)
		return err == nil && len(text) > 0
	})
}

// Only a key of this account's lets a client in.
func TestListenRefuses(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	must(t, os.WriteFile(h.path("config"), []byte(readText(t, h.path("config"))+"    IdentityFile "+h.path("rsa")+"\n"), 0o600))
	l := listenIn(t, h, "web")
	own, err := ssh.ParsePrivateKey([]byte(readText(t, h.path("id"))))
	must(t, err)
	_, other := test.NewKey(t)
	certificate := &ssh.Certificate{Key: own.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"web"}, ValidBefore: ssh.CertTimeInfinity}
	must(t, certificate.SignCert(rand.Reader, own))
	certified, err := ssh.NewCertSigner(certificate, own)
	must(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	rsaSigner, err := ssh.NewSignerFromKey(rsaKey)
	must(t, err)
	must(t, os.WriteFile(h.path("rsa"), nil, 0o600), os.WriteFile(h.path("rsa.pub"), ssh.MarshalAuthorizedKey(rsaSigner.PublicKey()), 0o600))
	sha1, err := ssh.NewSignerWithAlgorithms(rsaSigner.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	must(t, err)
	before := len(g.Events().Attempts)
	for name, c := range map[string]struct {
		user string
		with []ssh.AuthMethod
		says string
	}{
		"no method":             {"web", nil, "attempted methods [none]"},
		"a password":            {"web", []ssh.AuthMethod{ssh.Password("web")}, "attempted methods [none]"}, // which is not offered
		"questions":             {"web", []ssh.AuthMethod{ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })}, "attempted methods [none]"},
		"another key":           {"web", []ssh.AuthMethod{ssh.PublicKeys(other)}, "attempted methods [none publickey]"},
		"a certificate":         {"web", []ssh.AuthMethod{ssh.PublicKeys(certified)}, "attempted methods [none publickey]"},
		"SHA-1":                 {"web", []ssh.AuthMethod{ssh.PublicKeys(sha1)}, "no"},
		"a stolen public half":  {"web", []ssh.AuthMethod{ssh.PublicKeys(pretender{other, own.PublicKey()})}, ""},
		"control characters":    {"\x1b]0;owned\aweb\r\n", []ssh.AuthMethod{ssh.PublicKeys(other)}, "attempted methods [none publickey]"},
		"a long name":           {strings.Repeat("w", 200_000), []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
		"another alias":         {"pair", []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
		"no alias":              {"nosuch", []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
		"the menu":              {"clever", []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
		"no name":               {"", []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
		"a name that cannot be": {"web.clever\x00", []ssh.AuthMethod{ssh.PublicKeys(own)}, ""},
	} {
		client, err := ssh.Dial("tcp", "127.0.0.1:"+l.port, &ssh.ClientConfig{User: c.user, Auth: c.with, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err == nil {
			client.Close()
			t.Errorf("%s: it gets in", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if after := len(g.Events().Attempts); after != before {
		t.Errorf("the gateway saw %d attempts", after-before)
	}
	l.said.await(t, `refused "web", which offered no key`)
	l.said.await(t, `refused "web", whose key `+regexp.QuoteMeta(ssh.FingerprintSHA256(other.PublicKey()))+` is not yours\nhint: your keys are `)
	l.said.await(t, `refused "pair", which has one of your keys\nclever-ssh: pair\.clever is not served here, only web\.clever\n`)
	l.said.await(t, `clever-ssh: the user name is too long for an alias\n`)
	if strings.ContainsAny(l.said.String(), "\x1b\a\r\x00") || len(l.said.String()) > 10_000 {
		t.Errorf("it says %q", l.said)
	}
	client, err := ssh.Dial("tcp", "127.0.0.1:"+l.port, &ssh.ClientConfig{User: "web", Auth: []ssh.AuthMethod{ssh.PublicKeys(rsaSigner)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	must(t, err) // SHA-2, and a key that came after listen was started
	client.Close()
}

// pretender has one key, and shows another.
type pretender struct {
	ssh.Signer
	shown ssh.PublicKey
}

func (p pretender) PublicKey() ssh.PublicKey { return p.shown }

// A client that has a key but gets no connection is told why.
func TestListenExplains(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	l := listenIn(t, h)
	for user, want := range map[string]string{"nosuch": `clever-ssh: unknown alias "nosuch.clever"; the known aliases are `, "clever": "clever-ssh: clever is the gateway's menu"} {
		out, err := l.ssh(user, "127.0.0.1", "true").CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %q", user, err, out)
		}
	}
	out, err := l.ssh("down", "127.0.0.1", "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "clever-ssh: the gateway refuses: ") {
		t.Errorf("%v, %q", err, out)
	}
}

// Idle connections keep nobody out, and whatever does not speak SSH, such as a request from a web page, is cut off at once.
func TestListenFlood(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	l := listenIn(t, h)
	for range 100 {
		c, err := net.Dial("tcp", "127.0.0.1:"+l.port)
		must(t, err)
		defer c.Close()
	}
	runs(t, l.ssh("web", "127.0.0.1", "true"))
	for _, begun := range []string{"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\nSSH-2.0-x\r\n", "\n", "SSH-1.5-x\r\n"} {
		c, err := net.Dial("tcp", "127.0.0.1:"+l.port)
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(test.Patience)))
		_, err = io.WriteString(c, begun)
		must(t, err)
		if got, err := io.ReadAll(c); err != nil && !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(string(got)+"SSH-2.0-OpenSSH_clever-ssh\r\n", "SSH-2.0-OpenSSH_clever-ssh\r\n") {
			t.Errorf("%q: %q, %v", begun, got, err)
		}
	}
}
