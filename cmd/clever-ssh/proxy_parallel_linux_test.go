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

// A hundred and twenty connections at once, each through its own process, all succeed. Then
// known_hosts has each of the gateway's keys once, and what was in it before.
//
// The test runs alone, and with the program as released: that many with the race detector would
// need some 5 GB.
func TestManyConnectionsAtOnce(t *testing.T) {
	test.Long(t)
	needPrograms(t)
	test.Need(t, "ps")
	const many = 120
	const files = many*5 + 200 // of this process: three pipes and a gateway's socket for each, and short-lived ones
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
				// As ssh does, and at the same time.
				check, err := knownhosts.New(file)
				if err != nil {
					return err
				}
				return check("clever-ssh-clever:22", addr, key)
			})
			connected.Done()
			if err == nil {
				connected.Wait() // until all of them are
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

// knownHostsLine returns the line of known_hosts with one of a gateway's host keys.
func knownHostsLine(host string, g *gateway.Gateway, i int) string {
	return fmt.Sprintf("%s %s", host, ssh.MarshalAuthorizedKey(g.HostKeys[i].PublicKey()))
}
