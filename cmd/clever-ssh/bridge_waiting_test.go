//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A person who waits for a slow gateway is told so; a file is not.
func TestSlowGatewayIsAnnounced(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	ready := filepath.Join(t.TempDir(), "ready")
	s := startSSHDWith(t, h, "#!/bin/sh\nfor i in $(seq 70); do [ -e "+ready+" ] || sleep 0.1; done\n"+forceCommand)
	args := []string{"setup", "--gateway", s.address, "web=" + appWeb}
	for _, p := range s.pins {
		args = append(args, "--pin", p)
	}
	runs(t, h.command("clever-ssh", args...))

	cmd := h.command("ssh", "web.clever", "echo done")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stdout.String() != "done\n" || stderr.String() != "" {
		t.Errorf("%v, %q, %q", err, &stdout, &stderr)
	}
	for _, args := range [][]string{{"ssh", "web.clever", "echo do''ne"}, {"ssh", "-t", "web.clever", "echo do''ne"}, {"clever-ssh", "exec", "web.clever", "echo do''ne"}} {
		runs(t, h.command("clever-ssh", "close")) // with an outpost, nothing would wait for the gateway
		os.Remove(ready)
		term := start(t, h.command(args[0], args[1:]...))
		term.expect(t, `^clever-ssh: waiting for the gateway to open a session on the instance\r+\n`)
		if err := os.WriteFile(ready, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		term.expect(t, `^done\r\n`)
		if status := term.status(t); status != 0 {
			t.Errorf("%v: exit status %d", args, status)
		}
	}
}
