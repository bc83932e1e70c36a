//go:build unix

package main

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// A master connection that the user already has to the gateway is not used, because it has not been
// checked.
func TestUsersMasterIsNotShared(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	path := filepath.Join(test.SocketFolder(t), "%r@%h:%p")
	appendFile(t, h.path("config"), "Host *\nControlMaster auto\nControlPersist 60\nControlPath "+path+"\n")
	g := startGateway(t, h)
	host, port, _ := net.SplitHostPort(g.Addr())
	master := h.command("ssh", append(test.SSHOptions(test.AnyHostKey), "-fN", "-p", port, "ssh@"+host)...)
	if out, err := master.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer h.command("ssh", "-O", "exit", "-p", port, "ssh@"+host).Run()
	h.setup(t, g, "web="+appWeb)
	cmd := h.command("ssh", "web.clever")
	cmd.Stdin = strings.NewReader("exit\n")
	runs(t, cmd)
	if n := g.Events().Connections; n != 2 {
		t.Errorf("%d connections, want the master's and another", n)
	}

	// The user still sees a refusal: with hints at a terminal, and as ssh's own message without
	// one.
	other := pinOf(&gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)
	runs(t, h.command("clever-ssh", "setup", "--pin", other))
	term := start(t, h.command("ssh", "web.clever"))
	term.expect(t, `clever-ssh: host key SHA256:\S+ of \S+ is not pinned`)
	term.expect(t, `hint: `)
	term.status(t)
	quiet := h.command("ssh", "-o", "ControlPath="+filepath.Join(test.SocketFolder(t), "s"), "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "web.clever")
	quiet.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := quiet.CombinedOutput()
	if err == nil || !regexp.MustCompile(`Received disconnect from .*: clever-ssh: host key SHA256:\S+ of \S+ is not pinned.*nothing of yours was sent`).Match(out) {
		t.Errorf("without a terminal and with a persistent master: %v\n%s", err, out)
	}
}

// A master connection that the user asks for outlives the window it was started from: its helper
// has left the terminal.
func TestPersistentMasterOutlivesItsWindow(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g)
	socket := filepath.Join(test.SocketFolder(t), "master")
	alias := appWeb + ".clever"
	// As in a window, a shell leads the session of the terminal.
	term := start(t, h.command("sh", "-c", "ssh -M -S "+socket+" -o ControlPersist=60 "+alias+"; exit"))
	term.expect(t, promptPattern)
	term.send(t, "exit\n")
	term.status(t)
	term.File.Close()
	if out, err := h.command("ssh", "-S", socket, "-O", "check", alias).CombinedOutput(); err != nil {
		t.Errorf("the master has gone: %v\n%s", err, out)
	}
	again := h.command("ssh", "-S", socket, alias)
	again.Stdin = strings.NewReader("exit\n")
	runs(t, again)
	if n := g.Events().Connections; n != 1 {
		t.Errorf("%d connections, want the master's alone", n)
	}
	runs(t, h.command("ssh", "-S", socket, "-O", "exit", alias))
	expectGone(t, h)
}
