package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// A hundred and twenty connections at once, each through a process of its own, all succeed, and known_hosts is whole: it has both of
// the gateway's keys, once, and what was in it before.
//
// It runs alone, and with the program as it is installed: so many with the race detector in them would need some 5 GB.
func TestManyConnectionsAtOnce(t *testing.T) {
	test.Long(t)
	needPrograms(t)
	test.Need(t, "ps")
	const many = 120
	const files = many*5 + 200 // of this process: three pipes for each, the gateway's socket, and what is open for a moment
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < files {
		t.Fatalf("only %d files may be open (%v), and this needs %d: ulimit -n %d", limit.Cur, err, files, files)
	}
	program := releasedProgram(t)
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	other := &gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}
	before, stale := "# of somebody else's\n"+knownHostsLine("other.example", other, 0), knownHostsLine("clever-ssh-clever", other, 0)
	file := h.path("clever/known_hosts")
	must(t, os.WriteFile(file, []byte(before+stale), 0o600))

	var all, connected sync.WaitGroup
	connected.Add(many)
	for i := range many {
		all.Go(func() {
			p, err := startPiped(h.command(program, "proxy", "web.clever"))
			if err != nil {
				connected.Done()
				t.Error(err)
				return
			}
			algorithm := []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA512}[i%2]
			client, err := sshClient(h, p, algorithm, func(_ string, addr net.Addr, key ssh.PublicKey) error {
				// As ssh does, and at the same moment.
				check, err := knownhosts.New(file)
				if err != nil {
					return err
				}
				return check("clever-ssh-clever:22", addr, key)
			})
			connected.Done()
			if err == nil {
				connected.Wait() // now all of them are
				_, _, err = client.SendRequest("keepalive@openssh.com", true, nil)
				client.Close()
			}
			p.Close()
			p.ended(t)
			if err != nil || p.said.Len() > 0 {
				t.Errorf("connection %d: %v, %v\n%s", i, err, p.cmd.ProcessState, p.said.String())
			}
		})
	}
	all.Wait()
	accepted := 0
	for _, a := range g.Events().Attempts {
		if a.Accepted {
			accepted++
		}
	}
	if n := g.Events().Connections; n != many || accepted != many {
		t.Errorf("%d connections, %d of which authenticated, want %d", n, accepted, many)
	}
	text, err := os.ReadFile(file)
	rest, found := bytes.CutPrefix(text, []byte(before))
	first, second := knownHostsLine("clever-ssh-clever", g, 0), knownHostsLine("clever-ssh-clever", g, 1)
	if err != nil || !found || (string(rest) != first+second && string(rest) != second+first) {
		t.Errorf("known_hosts: %v\n%s", err, text)
	}
	for name := range strings.Lines(runs(t, h.command("find", h.path("clever"), "-name", ".*"))) {
		t.Errorf("%s is left behind", name)
	}
	expectGone(t, h)
}

// knownHostsLine is the line that ssh finds a gateway's host key by.
func knownHostsLine(host string, g *gateway.Gateway, i int) string {
	return fmt.Sprintf("%s %s", host, ssh.MarshalAuthorizedKey(g.HostKeys[i].PublicKey()))
}
