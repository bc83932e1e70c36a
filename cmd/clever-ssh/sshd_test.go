//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

// server is what stands in for the gateway: the fake one, or OpenSSH's own.
type server struct {
	address string // user@host:port
	pins    []string
}

// eachServer runs a test against the fake gateway and against sshd, in a fresh home that is set up for it.
func eachServer(t *testing.T, test func(t *testing.T, h *home)) {
	for name, start := range map[string]func(*testing.T, *home) server{"fakegateway": startFake, "sshd": startSSHD} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			s := start(t, h)
			args := []string{"setup", "--gateway", s.address, "web=" + appWeb}
			for _, p := range s.pins {
				args = append(args, "--pin", p)
			}
			runs(t, h.command("clever-ssh", args...))
			test(t, h)
		})
	}
}

// runs returns what a command says on stdout; it must succeed.
func runs(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, stderr.String())
	}
	return string(out)
}

func startGateway(t *testing.T, h *home) *gateway.Gateway {
	t.Helper()
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway.Gateway{HostKeys: keys, Accounts: []gateway.Account{account(h.key)}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func startFake(t *testing.T, h *home) server {
	g := startGateway(t, h)
	return server{"ssh@" + g.Addr(), []string{pinOf(g, 0), pinOf(g, 1)}}
}

// forceCommand is what sshd runs instead of the gateway.
const forceCommand = `#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
app_* | ????????-????-????-????-????????????) ;;
*) echo "Error: Failed to choose instance" >&2; exit 1 ;;
esac
echo "Opening an ssh shell"
cd "$HOME" || exit 1
PS1='bas@` + instanceWeb + ` \w $ '
export PS1
if [ -t 0 ]; then
	exec bash --noprofile --norc -i
fi
exec bash --noprofile --norc
`

// sshdKeys are the contents of sshd's host key files, private and public, made once.
var sshdKeys = sync.OnceValues(func() (keys [][2][]byte, err error) {
	dir, err := os.MkdirTemp("", "sshd-keys-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, kind := range []string{"ed25519", "rsa"} {
		path := filepath.Join(dir, kind)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		private, errPrivate := os.ReadFile(path)
		public, errPublic := os.ReadFile(path + ".pub")
		if err := errors.Join(errPrivate, errPublic); err != nil {
			return nil, err
		}
		keys = append(keys, [2][]byte{private, public})
	}
	return keys, nil
})

// startSSHD runs OpenSSH's sshd for the account that runs the tests.
func startSSHD(t *testing.T, h *home) server { return startSSHDWith(t, h, forceCommand) }

// startSSHDWith has it run a script instead of every command, with more lines of its configuration.
func startSSHDWith(t *testing.T, h *home, command string, options ...string) server {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	keys, err := sshdKeys()
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, config, authorized := filepath.Join(dir, "force"), filepath.Join(dir, "sshd_config"), filepath.Join(dir, "authorized_keys")
	ed25519, rsa := filepath.Join(dir, "ed25519"), filepath.Join(dir, "rsa")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	text := fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s
HostKey %s
AuthorizedKeysFile %s
ForceCommand %s
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
%s
`, addr.Port, ed25519, rsa, authorized, script, strings.Join(append(options, "MaxStartups 200"), "\n")) // sshd takes the first
	if err := errors.Join(os.WriteFile(script, []byte(command), 0o755), os.WriteFile(config, []byte(text), 0o600),
		os.WriteFile(authorized, ssh.MarshalAuthorizedKey(h.key), 0o600),
		os.WriteFile(ed25519, keys[0][0], 0o600), os.WriteFile(rsa, keys[1][0], 0o600)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // sshd's privilege separation folder, which its service makes otherwise
		os.MkdirAll("/run/sshd", 0o755)
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	var log strings.Builder
	cmd.Stderr = &log
	cmd.WaitDelay = 10 * time.Millisecond // the sshd of a connection that is shared goes on for a while, with the log open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(patience); ; {
		c, err := net.Dial("tcp", addr.String())
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s := server{address: fmt.Sprintf("%s@%s", me.Username, addr)}
	for _, k := range keys {
		key, _, _, _, err := ssh.ParseAuthorizedKey(k[1])
		if err != nil {
			t.Fatal(err)
		}
		s.pins = append(s.pins, ssh.FingerprintSHA256(key))
	}
	return s
}

// OpenSSH turns clients away before it says who it is. That is no other server, and nobody in between.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		title, said string
		start       func(t *testing.T, h *home) server
	}{
		{"a busy sshd", `^clever-ssh: \S+: the server has too many logins under way: Exceeded MaxStartups\n(clever-ssh: )?hint: wait a few seconds, then try again`,
			func(t *testing.T, h *home) server {
				s := startSSHDWith(t, h, forceCommand, "MaxStartups 1:100:10")
				_, address, _ := strings.Cut(s.address, "@")
				for begun, held := time.Now(), false; ; { // at first, whoever looked whether it listens may still be in the way
					c, err := net.Dial("tcp", address)
					must(t, err)
					t.Cleanup(func() { c.Close() })
					line, _ := bufio.NewReader(c).ReadString('\n')
					if held && strings.HasPrefix(line, "Exceeded") {
						break
					}
					held = held || strings.HasPrefix(line, "SSH-")
					if time.Since(begun) > patience {
						t.Fatal("sshd turns nobody away")
					}
				}
				return s
			}},
		{"a penalty", `^clever-ssh: \S+: the server turns this address away for a while: Not allowed at this time\n(clever-ssh: )?hint: too many logins from here have failed.*: wait some minutes`,
			func(t *testing.T, h *home) server {
				keys, err := hostKeys()
				must(t, err)
				return server{"ssh@" + talker(t, "Not allowed at this time\r\n"), []string{ssh.FingerprintSHA256(keys[0].PublicKey())}}
			}},
	} {
		t.Run(c.title, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			s := c.start(t, h)
			runs(t, h.command("clever-ssh", "setup", "--gateway", s.address, "--pin", s.pins[0], "web="+appWeb))
			out, _ := h.command("ssh", "web.clever").CombinedOutput()
			if !matches(c.said, string(out)) || strings.Contains(string(out), "not the gateway") {
				t.Errorf("want %s:\n%s", c.said, out)
			}
		})
	}
}
