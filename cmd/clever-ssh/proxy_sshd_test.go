//go:build unix

package main

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// server is what the tests have instead of the gateway: the fake one, or OpenSSH's own.
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

// runs returns a command's stdout. The command must succeed.
func runs(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	needProgram(t, cmd)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, stderr.String())
	}
	return string(out)
}

// needProgram ends a test if this machine does not have the command's program.
func needProgram(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if errors.Is(cmd.Err, exec.ErrNotFound) {
		test.Missing(t, cmd.Args[0])
	}
}

// needs ends a test unless a command works. The command shows that this machine has what the test
// needs.
func needs(t *testing.T, what string, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%v: %v\n%s", cmd.Args, err, out)
		test.Missing(t, what)
	}
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

// closeForGood closes a gateway and keeps its port, so that nobody else listens there.
func closeForGood(t *testing.T, g *gateway.Gateway) {
	t.Helper()
	at, err := netip.ParseAddrPort(g.Addr())
	must(t, err)
	g.Close()
	test.TakePort(t, at.Addr().String(), at.Port())
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

// startSSHD runs OpenSSH's sshd for the account that runs the tests.
func startSSHD(t *testing.T, h *home) server { return startSSHDWith(t, h, forceCommand) }

// startSSHDWith starts sshd with more lines in its configuration. It runs a script instead of every
// command.
func startSSHDWith(t *testing.T, h *home, command string, lines ...string) server {
	t.Helper()
	s := sshd.Start(t, sshd.Options{Authorized: []ssh.PublicKey{h.key}, Command: command, Lines: lines})
	server := server{address: s.User + "@" + s.Address()}
	for _, k := range s.HostKeys {
		server.pins = append(server.pins, ssh.FingerprintSHA256(k))
	}
	return server
}

// OpenSSH may turn a client away before it identifies itself. The message then says why, and does
// not suggest another server or an attacker in between.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		title string
		start func(t *testing.T, h *home) (s server, says string)
	}{
		{"a busy sshd",
			func(t *testing.T, h *home) (s server, says string) {
				s = startSSHDWith(t, h, forceCommand, "MaxStartups 1:100:10")
				_, address, _ := strings.Cut(s.address, "@")
				dial := func() string {
					c, err := net.Dial("tcp", address)
					must(t, err)
					t.Cleanup(func() { c.Close() })
					line, err := bufio.NewReader(c).ReadString('\n')
					must(t, err)
					return strings.TrimRight(line, "\r\n")
				}
				if says := dial(); !strings.HasPrefix(says, "SSH-") {
					t.Fatalf("sshd says %q", says)
				}
				return s, dial()
			}},
		{"a penalty",
			func(t *testing.T, h *home) (s server, says string) {
				keys, err := hostKeys()
				must(t, err)
				says = "Not allowed at this time"
				return server{"ssh@" + talker(t, says+"\r\n"), []string{ssh.FingerprintSHA256(keys[0].PublicKey())}}, says
			}},
	} {
		t.Run(c.title, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			s, says := c.start(t, h)
			want := map[string]string{
				"Exceeded MaxStartups": `^clever-ssh: \S+: the server has too many logins in progress: Exceeded MaxStartups\n(clever-ssh: )?hint: wait a few seconds, then try again`,
				"Not allowed at this time": `^clever-ssh: \S+: the server is turning logins away for now: Not allowed at this time\n(clever-ssh: )?hint: it has too many logins in progress: wait a few seconds, then try again` +
					`\n(clever-ssh: )?hint: or too many logins from here have failed.*: wait a few minutes`,
			}[says] // OpenSSH's words before 9.8, and since
			if want == "" {
				t.Fatalf("sshd says %q", says)
			}
			runs(t, h.command("clever-ssh", "setup", "--gateway", s.address, "--pin", s.pins[0], "web="+appWeb))
			out, _ := h.command("ssh", "web.clever").CombinedOutput()
			if !matches(want, string(out)) || strings.Contains(string(out), "not the gateway") {
				t.Errorf("want %s:\n%s", want, out)
			}
		})
	}
}
