//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// awaitListener waits until somebody listens on an address.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	test.Eventually(t, "somebody listens on "+address, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// jumpHome is a home with a name, a gateway that was connected to before, and a host to jump over.
func jumpHome(t *testing.T) (h *home, g *gateway.Gateway) {
	t.Helper()
	h = testHome(t)
	g = startGateway(t, h)
	user, port, _ := strings.Cut(startSSHD(t, h).address, ":")
	user, _, _ = strings.Cut(user, "@")
	appendFile(t, h.path("config"), "Host bastion\n    HostName 127.0.0.1\n    Port "+port+"\n    User "+user+"\n    "+strings.Join(test.AnyHostKey, "\n    ")+"\n    LogLevel ERROR\n")
	h.setup(t, g, "web="+appWeb)
	cmd := h.command("ssh", "web.clever")
	cmd.Stdin = strings.NewReader("exit\n")
	runs(t, cmd)
	return h, g
}

// A jump host, or another way to the gateway, on the command line is for interactive sessions. Anything else is
// refused with a message before the gateway sees any of it: no alarm about a host key, no command for the menu,
// no other target.
func TestJump(t *testing.T) {
	t.Parallel()
	h, g := jumpHome(t)
	proxy := "ProxyCommand=ssh -W " + g.Addr() + " bastion"
	ssh := func(args ...string) (*exec.Cmd, string) {
		cmd := h.command("ssh", args...)
		cmd.Stdin = strings.NewReader("tty; exit 6\n")
		return cmd, string(output(cmd))
	}
	for _, args := range [][]string{
		{"-J", "bastion", "web.clever"}, {"-J", "bastion", appWeb + ".clever"}, {"-o", "ProxyJump=bastion", "-tt", "web.clever"}, {"-o", proxy, "web.clever"},
		{"-o", "ProxyCommand=none", "web.clever"},
	} {
		cmd, out := ssh(args...)
		if cmd.ProcessState.ExitCode() != 6 || !strings.Contains(out, "/dev/pts/") || strings.Contains(out, "clever-ssh: ") {
			t.Errorf("ssh %v: %v\n%s", args, cmd.ProcessState, out)
		}
	}
	onlySessionsFor(t, g, appWeb)
	before := len(g.Events().Sessions)

	const setup = "clever-ssh setup --via socks5://"
	for _, c := range []struct {
		args []string
		said string
	}{
		{[]string{"-J", "bastion", "web.clever", "id"}, setup}, {[]string{"-J", "bastion", appWeb + ".clever", "id"}, setup}, {[]string{"-J", "bastion", "web.run.clever", "id"}, setup},
		{[]string{"-o", "ProxyJump=bastion", "-t", "web.clever", "id"}, setup}, {[]string{"-o", proxy, "web.clever", "id"}, setup}, {[]string{"-o", proxy, appWeb + ".clever", "id"}, setup},
		{[]string{"-o", "ProxyCommand=none", "web.clever", "id"}, setup}, {[]string{"-o", "ProxyCommand=none", "web.run.clever", "id"}, setup},
		{[]string{"-o", "ProxyCommand=none", "web.run.clever"}, setup},
		{[]string{"-J", "bastion", "-N", "-L", "1:localhost:1", "web.clever"}, setup}, {[]string{"-J", "bastion", "-T", "web.clever"}, setup},
		{[]string{"-J", "bastion", "-W", "localhost:1", "web.clever"}, setup}, {[]string{"-J", "bastion", "-s", "web.clever", "sftp"}, setup},
		{[]string{"-J", "bastion", "clever", "id"}, setup}, {[]string{"-J", "bastion", "nosuch.clever", "id"}, `unknown alias "nosuch.clever"`}, {[]string{"-J", "bastion", "nosuch.clever"}, `unknown alias "nosuch.clever"`},
		{[]string{"-n", "-tt", "-o", "ProxyCommand=mosh --fake-proxy -- %h %p", "web.clever", "--", "mosh-server", "new"}, setup}, // what mosh runs
	} {
		cmd, out := ssh(c.args...)
		if n := strings.Count("\n"+out, "\nclever-ssh: "); cmd.ProcessState.ExitCode() != 255 || n != 1 || !strings.Contains(out, c.said) || strings.Contains(out, "IDENTIFICATION") || strings.Contains(out, "ssh-keygen") {
			t.Errorf("ssh %v: %v\n%s", c.args, cmd.ProcessState, out)
		}
	}
	if after := len(g.Events().Sessions); after != before {
		t.Errorf("the gateway was asked for %+v", g.Events().Sessions[before:])
	}

	// The hint works: a proxy on this machine that leads over the jump host.
	address := freeAddress(t)
	socks := h.command("ssh", "-N", "-D", address, "bastion")
	must(t, socks.Start())
	defer func() { socks.Process.Kill(); socks.Wait() }()
	runs(t, h.command("clever-ssh", "setup", "--via", "socks5://"+address))
	awaitListener(t, address)
	expectOutput(t, h.command("ssh", "web.clever", "exit 5"), 5, "")
}

// The user's own ProxyJump or ProxyCommand for these hosts, which the entries override, is named.
func TestUsersOwnJump(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct{ lines, want string }{
		"jump":    {"Host *\n    ProxyJump bastion.example\n", `ProxyJump bastion\.example`},
		"command": {"Host *.clever clever\n    ProxyCommand corkscrew proxy 3128 %h %p\n", `ProxyCommand corkscrew proxy 3128 %h %p`},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			appendFile(t, h.path("config"), c.lines)
			g := startGateway(t, h)
			want := `(?m)^clever-ssh: .*` + c.want + `.* \*\.clever`
			for _, args := range [][]string{{"setup", "--gateway", "ssh@" + g.Addr(), "--pin", pinOf(g, 0), "--pin", pinOf(g, 1), "web=" + appWeb}, {"doctor"}, {"doctor", "web.clever"}} {
				out := string(output(h.command("clever-ssh", args...)))
				for busy := 0; busy < 20 && strings.Contains(out, "did not finish reading"); busy++ { // on a busy machine
					out = string(output(h.command("clever-ssh", args...)))
				}
				if args[0] == "doctor" {
					want = `(?m)^WARN  options .*` + c.want
				}
				if !matches(want, out) || !strings.Contains(out, "clever-ssh setup --via ") {
					t.Errorf("clever-ssh %v:\n%s", args, out)
				}
			}
			// With a proxy that clever-ssh uses, all has been said.
			if out := string(output(h.command("clever-ssh", "setup", "--via", "socks5://127.0.0.1:1"))); matches(c.want, out) {
				t.Errorf("setup --via:\n%s", out)
			}
			if out := string(output(h.command("clever-ssh", "doctor"))); matches(c.want, out) {
				t.Errorf("doctor with --via:\n%s", out)
			}
			if _, err := os.Stat(filepath.Join(h.dir, ".ssh/clever")); err != nil {
				t.Error(err)
			}
		})
	}
}
