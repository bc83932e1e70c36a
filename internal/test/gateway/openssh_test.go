package gateway_test

import (
	"bytes"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// openSSH starts a gateway and returns a function that makes ssh commands with a registered key. Arguments go before
// the destination, the target after it.
func openSSH(t *testing.T, configure ...func(*gateway.Gateway)) func(target string, args ...string) *exec.Cmd {
	t.Helper()
	test.Slow(t)
	test.Need(t, "ssh")
	file := filepath.Join(t.TempDir(), "key")
	key, err := gateway.WriteUserKey(file)
	if err != nil {
		t.Fatal(err)
	}
	register := func(g *gateway.Gateway) { g.Accounts[0].Keys = []ssh.PublicKey{key} }
	g, _ := start(t, append([]func(*gateway.Gateway){register}, configure...)...)
	_, port, err := net.SplitHostPort(g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return func(target string, args ...string) *exec.Cmd {
		args = slices.Concat(test.SSHArguments(test.Alone, test.AnyHostKey), []string{"-i", file, "-p", port}, args, []string{"ssh@127.0.0.1"})
		if target != "" {
			args = append(args, target)
		}
		return exec.Command("ssh", args...)
	}
}

// inTerminal runs a command in a terminal of 90 columns and 25 rows.
func inTerminal(t *testing.T, cmd *exec.Cmd) (*typist, *os.File) {
	t.Helper()
	controller, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 25, Cols: 90})
	if err != nil {
		t.Fatal(err)
	}
	screen := newScreen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The terminal's end is an error.
		for buf := make([]byte, 4096); ; {
			n, err := controller.Read(buf)
			screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		<-done
		controller.Close()
	})
	return &typist{Writer: controller, t: t, screen: screen}, controller
}

func TestOpenSSHInTerminal(t *testing.T) {
	command := openSSH(t)
	cmd := command("", "-t")
	person, controller := inTerminal(t, cmd)
	person.expect("Your choice: ")
	person.typeIn("2\r")
	person.expect("Your choice: ")
	person.typeIn("1\r")
	person.expect(prompt(single))
	person.typeIn("stty size\r")
	person.expect("25 90\r\n")
	person.expect(prompt(single))
	person.typeIn("trap 'stty size' WINCH\r")
	person.expect(prompt(single))
	if err := pty.Setsize(controller, &pty.Winsize{Rows: 30, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	person.expect("30 120\r\n")
	person.typeIn("exit 7\r")
	cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 7 {
		t.Errorf("ssh exits %d; the screen shows %q", status, person.screen)
	}
}

func TestOpenSSHForcedTerminal(t *testing.T) {
	cmd := openSSH(t)("app_single", "-tt")
	cmd.Stdin = strings.NewReader("exit 3\n")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "bas@"+single+" ~ $ ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOpenSSHScript(t *testing.T) {
	command := openSSH(t)
	data := make([]byte, 4<<20)
	rand.Read(data)
	cmd := command(single)
	var stdout, stderr bytes.Buffer
	cmd.Stdin = strings.NewReader("echo start; exec cat\n" + string(data))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if _, rest, _ := bytes.Cut(stdout.Bytes(), []byte("start\n")); !bytes.Equal(rest, data) {
		t.Errorf("the data was changed: %d of %d bytes", len(rest), len(data))
	}

	cmd = command(single)
	cmd.Stdin = strings.NewReader("kill -TERM $$\n")
	out, err := cmd.CombinedOutput()
	// ssh reports an exit-signal this way.
	if cmd.ProcessState.ExitCode() != 255 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOpenSSHRefused(t *testing.T) {
	for _, test := range []struct {
		name      string
		configure func(*gateway.Gateway)
		target    string
		args      []string
		status    int
		says      string
	}{
		{"unregistered key", func(g *gateway.Gateway) { g.Accounts[0].Keys = nil }, "app_single", nil,
			255, "Permission denied (password,publickey)"},
		{"other account's application", nil, "app_other", nil, 1, "This application has no instances you can ssh to"},
		{"other account's instance", nil, foreign, nil, 1, "The specified instance does not exist."},
		{"command", nil, "ls", nil, 1, "This application has no instances you can ssh to"},
		{"subsystem", nil, "sftp", []string{"-s"}, 255, "subsystem request failed"},
		{"tunnel", nil, "", []string{"-W", "127.0.0.1:1"}, 255, "the gateway has sessions only"},
		{"accept", func(g *gateway.Gateway) { g.Fail = gateway.AtAccept }, "app_single", nil, 255, "Connection closed by 127.0.0.1"},
		{"identification", func(g *gateway.Gateway) { g.Fail = gateway.AtIdentification }, "app_single", nil, 255, "Connection closed by 127.0.0.1"},
		{"key exchange", func(g *gateway.Gateway) { g.Fail = gateway.AtKeyExchange }, "app_single", nil, 255, "Connection closed by 127.0.0.1"},
		{"authentication", func(g *gateway.Gateway) { g.Fail = gateway.AtAuthentication }, "app_single", nil, 255, "Connection closed by 127.0.0.1"},
		{"session", func(g *gateway.Gateway) { g.Fail = gateway.AtSession }, "app_single", []string{"-tt"}, 255, "bas@" + single},
	} {
		var configure []func(*gateway.Gateway)
		if test.configure != nil {
			configure = append(configure, test.configure)
		}
		out, err := openSSH(t, configure...)(test.target, test.args...).CombinedOutput()
		exit, _ := err.(*exec.ExitError)
		if exit == nil || exit.ExitCode() != test.status || !strings.Contains(string(out), test.says) {
			t.Errorf("%s: %v\n%s", test.name, err, out)
		}
	}
}

// A pin on either type of host key holds, whatever the key exchange.
func TestOpenSSHKeyExchanges(t *testing.T) {
	for _, kex := range []string{ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDHGEXSHA256} {
		command := openSSH(t, func(g *gateway.Gateway) { g.KeyExchanges = []string{kex} })
		for _, hostKey := range []string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"} {
			cmd := command("app_single", "-o", "HostKeyAlgorithms="+hostKey)
			cmd.Stdin = strings.NewReader("exit 6\n")
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 6 {
				t.Errorf("%s, %s: %v\n%s", kex, hostKey, err, out)
			}
		}
	}
}
