//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// The tests of package survey check each probe. These check what needs the program and the system's ssh: the
// login, and what is left behind.

// surveyed are lines of the page, by name.
type surveyed map[string]struct{ Status, Seen string }

// surveyOf runs the report on the gateway, with a folder of its own for temporary files. Nothing may be left in
// that.
func surveyOf(t *testing.T, h *home, idle string) surveyed {
	t.Helper()
	temporary := test.SocketFolder(t)
	before := everything(t, h.dir)
	cmd := h.command("clever-ssh", "doctor", "web.clever", "--gateway", "--json")
	self, err := os.Executable() // this program, unlike the released one, knows the variable
	cmd.Path = filepath.Join(t.TempDir(), "clever-ssh")
	must(t, err, copyProgram(self, cmd.Path))
	cmd.Env = append(cmd.Env, idleVariable+"="+idle, "TMPDIR="+temporary)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var report struct {
		OK     bool
		Probes []struct{ Name, Status, Seen string }
	}
	if err := json.Unmarshal(out, &report); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s\n%s", cmd.Args, err, out, &stderr)
	}
	if report.OK != (err == nil) {
		t.Errorf("%v: %v, ok is %v", cmd.Args, err, report.OK)
	}
	lines := surveyed{}
	for _, p := range report.Probes {
		lines[p.Name] = struct{ Status, Seen string }{p.Status, p.Seen}
	}
	if after := everything(t, h.dir); after != before {
		t.Errorf("%v has changed what is there:\n%s\nand was\n%s", cmd.Args, after, before)
	}
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v has left %v", cmd.Args, left)
	}
	return lines
}

// expect compares some lines with patterns.
func (s surveyed) expect(t *testing.T, status string, patterns map[string]string) {
	t.Helper()
	for name, pattern := range patterns {
		if s[name].Status != status || !matches(pattern, s[name].Seen) {
			t.Errorf("%s: %+v, want %s like %s", name, s[name], status, pattern)
		}
	}
}

// The stand-in has no surprises, and gets one login.
func TestGatewayReport(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	lines := surveyOf(t, h, "3s")
	for name, l := range lines {
		if l.Status == "surprise" && !(name == "journalctl" && test.Lacks(t, name, name)) {
			t.Errorf("%s: %s", name, l.Seen)
		}
	}
	lines.expect(t, "ok", map[string]string{"login": `^in \d+ ms, 1 key offered$`, "methods": `^password, publickey$`, "RSA keys of users": `rsa-sha2-512`, "banner": `^none$`,
		"sessions at once": `^12 of 12$`, "tcpip-forward": `^refused$`, "idle for 3s": `stays open`})
	accepted := 0
	for _, a := range g.Events().Attempts {
		if a.Accepted {
			accepted++
		}
	}
	if accepted != 1 || g.Visits(instanceWeb) > 0 {
		t.Errorf("%d logins, and %d sessions are left", accepted, g.Visits(instanceWeb))
	}
}

// A gateway that behaves otherwise at the login.
func TestGatewayReportLogin(t *testing.T) {
	test.Long(t)
	t.Parallel()
	h := testHome(t)
	keys, err := hostKeys()
	must(t, err)
	g := &gateway.Gateway{HostKeys: keys, Accounts: []gateway.Account{account(h.key)},
		Otherwise: gateway.Otherwise{KeysOnly: true, Banner: "Beware of the dog.\n", Grants: []string{"tcpip-forward"}}}
	must(t, g.Start("127.0.0.1:0"))
	t.Cleanup(func() { g.Close() })
	h.setup(t, g, "web="+appWeb)
	lines := surveyOf(t, h, "3s")
	lines.expect(t, "ok", map[string]string{"methods": `^publickey$`})
	lines.expect(t, "surprise", map[string]string{"banner": `^1 line$`, "tcpip-forward": `^granted$`})
}

// Without a login, or without a pinned key, the page says so, and probes that need one are not asked.
func TestGatewayReportDenied(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	p := &patient{home: h, t: t, g: g}
	p.newKey()
	cmd := h.command("clever-ssh", "doctor", "web.clever", "--gateway")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil || !matches(`(?m)^!!  login .* denied$`, string(out)) || !matches(`(?m)^--  exit status .* there was no login$`, string(out)) ||
		!matches(`clever-ssh: the login failed\nhint: see why: clever-ssh doctor ALIAS\n$`, stderr.String()) {
		t.Errorf("%v: %v\n%s\n%s", cmd.Args, err, out, &stderr)
	}
	attempts := len(g.Events().Attempts)
	others, err := otherHostKeys()
	must(t, err)
	p.edit(p.settings(), `pins = \[[^]]*\]`, `pins = ["`+ssh.FingerprintSHA256(others[0].PublicKey())+`"]`)
	out, err = h.command("clever-ssh", "doctor", "web.clever", "--gateway").Output()
	if err == nil || !matches(`(?m)^!!  key ssh-ed25519 .* a key that is not pinned$`, string(out)) || !matches(`(?m)^--  login .* no host key is pinned$`, string(out)) {
		t.Errorf("%v: %v\n%s", cmd.Args, err, out)
	}
	if n := len(g.Events().Attempts); n > attempts {
		t.Errorf("%d attempts to log in at a gateway that is not trusted", n-attempts)
	}
}

// Ctrl-C ends it, and its connection, and leaves nothing.
func TestGatewayReportInterrupted(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	temporary := test.SocketFolder(t)
	cmd := h.command("clever-ssh", "doctor", "web.clever", "--gateway")
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	out, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	go func() {
		test.Eventually(t, "a session", func() bool { return g.Visits(instanceWeb) > 0 })
		cmd.Process.Signal(os.Interrupt)
	}()
	var text strings.Builder
	buf := make([]byte, 4<<10)
	for {
		n, err := out.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err == nil || strings.Contains(text.String(), "Asked in") {
		t.Errorf("%v:\n%s", err, &text)
	}
	test.Eventually(t, "the sessions end", func() bool { return g.Visits(instanceWeb) == 0 })
	left, err := filepath.Glob(temporary + "/*")
	if must(t, err); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// twoHops is an sshd whose sessions all go on to another sshd, through OpenSSH's client. The real gateway most
// likely works like this.
func twoHops(t *testing.T, h *home) server {
	t.Helper()
	key := h.path("second")
	public, err := gateway.WriteUserKey(key)
	must(t, err)
	far := sshd.Start(t, sshd.Options{Authorized: []ssh.PublicKey{public}, Command: `#!/bin/sh
export APP_ID=` + appWeb + ` INSTANCE_ID=` + instanceWeb + ` INSTANCE_NUMBER=0 USER=bas
exec bash -l
`})
	return startSSHDWith(t, h, fmt.Sprintf(`#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
%s | %s) ;;
*) echo "Error: Failed to choose instance: 'Error while running choice script: Error: This application has no instances you can ssh to'" >&2; exit 1 ;;
esac
echo "Opening an ssh shell"
t=
if [ -t 0 ]; then t=-t; fi
exec ssh -F none -i %s -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p %d $t %s@127.0.0.1
`, appWeb, instanceWeb, key, far.Port, far.User), "AllowTcpForwarding no", "AllowAgentForwarding no")
}

// Two OpenSSH servers in a row behave as we believe the gateway does, except where the gateway's own script
// matters.
func TestGatewayReportTwoHops(t *testing.T) {
	test.Long(t)
	t.Parallel()
	h := testHome(t)
	s := twoHops(t, h)
	args := []string{"setup", "--gateway", s.address, "web=" + appWeb}
	for _, p := range s.pins {
		args = append(args, "--pin", p)
	}
	runs(t, h.command("clever-ssh", args...))
	lines := surveyOf(t, h, "30s") // as for everybody
	lines.expect(t, "learned", map[string]string{"identification": `^SSH-2\.0-OpenSSH_[0-9.]+`})
	lines.expect(t, "ok", map[string]string{
		"your target": `^a shell in`, "noise on stderr": `^no terminal, host added \(CR LF\)$`, "an instance's id": `(the same|known) noise$`, "sessions at once": `^10 of 12; then`,
		"echo": `none`, "stderr": `apart`, "line ends": `LF stays LF`, "1 MB to the instance": `^unchanged`, "1 MB on stdout": `^unchanged`, "64 kB on stderr": `^unchanged`,
		"control characters": `^no special meaning$`, "lines": `^4095, 4096, 100000 arrive whole$`, "end of input": `^reaches`, "exit status": `^status 7$`, "death by a signal": `^status 255$`,
		"unknown application": `^refused, status 1$`, "subsystem sftp": `^refused$`, "direct-tcpip": `^refused \(prohibited\)$`, "tcpip-forward": `^refused$`,
		"environment": `^APP_ID`, "programs may run in": `/tmp`, "type-ahead": `^is kept$`, "resize": `^reaches`, "Ctrl-C": `^interrupts$`, "end with a terminal": `^status 7$`, "idle for 30s": `stays open`,
	})
}
