//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/fakegateway"
)

// PuTTY's plink reaches an application through proxy, and its user reads why it is refused.
func TestPlink(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("plink"); err != nil {
		t.Fatal("plink is missing: install putty-tools")
	}
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g)
	key := filepath.Join(h.dir, "id.ppk")
	runs(t, h.command("puttygen", h.path("id"), "-O", "private", "-o", key))
	plink := func(proxy string, target ...string) *exec.Cmd {
		args := []string{"-batch", "-ssh", "-t", "-i", key, "-proxycmd", "clever-ssh proxy " + proxy, "-hostkey", pinOf(g, 0), "ssh@gateway"}
		cmd := h.command("plink", append(args, target...)...)
		cmd.Stdin = strings.NewReader("tty; exit 6\n")
		return cmd
	}
	for _, proxy := range []string{"clever", appWeb + ".clever"} {
		cmd := plink(proxy, appWeb)
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), "/dev/pts/") || cmd.ProcessState.ExitCode() != 6 {
			t.Errorf("%s: %v\n%s", proxy, cmd.ProcessState, out)
		}
	}
	if out, err := plink("nosuch.clever", appWeb).CombinedOutput(); err == nil || !regexp.MustCompile(`(?s)disconnect message.*unknown alias "nosuch.clever"`).Match(out) {
		t.Errorf("an unknown alias: %v\n%s", err, out)
	}
	attempts := len(g.Events().Attempts)
	runs(t, h.command("clever-ssh", "setup", "--pin", pinOf(&fakegateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)))
	// Once a PuTTY has agreed on strict key exchange it shows the number of a DISCONNECT and not its text, so there the
	// reason is in what the proxy says on stderr.
	refused := plink("clever", appWeb)
	refused.Args = append(refused.Args[:1:1], append([]string{"-v"}, refused.Args[1:]...)...)
	if out, err := refused.CombinedOutput(); err == nil || !regexp.MustCompile(`clever-ssh: host key SHA256:\S+ of \S+ is not pinned`).Match(out) {
		t.Errorf("a key that is not pinned: %v\n%s", err, out)
	}
	if n := len(g.Events().Attempts); n != attempts {
		t.Errorf("%d authentication attempts at a gateway that is not pinned", n-attempts)
	}
}
