//go:build unix

package main

import (
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// Whatever the user's own Host * says, an alias connects through the proxy to its target, with a
// terminal.
func TestUsersHostStar(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"multiplexing": "ControlMaster auto\nControlPersist 60\nControlPath %SOCKETS/%C",
		"canonical":    "CanonicalizeHostname yes\nCanonicalDomains invalid\nCanonicalizeMaxDots 5",
		"dns":          "VerifyHostKeyDNS yes",
		"fdpass":       "ProxyUseFdpass yes",
		"command":      "RemoteCommand uptime",
		"tunnel":       "Tunnel yes",
		"no keys":      "PubkeyAuthentication no\nPasswordAuthentication yes",
		"anything":     "RequestTTY no\nUser nobody\nPort 1\nStrictHostKeyChecking no\nHostKeyAlgorithms ecdsa-sha2-nistp256\nForwardAgent yes\nForwardX11 yes\nProxyJump jump.invalid\nHostKeyAlias x\nUserKnownHostsFile /dev/null\nUpdateHostKeys yes\nPreferredAuthentications password",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			appendFile(t, h.path("config"), "Host *\n"+strings.ReplaceAll(lines, "%SOCKETS", test.SocketFolder(t))+"\n")
			g := startGateway(t, h)
			h.setup(t, g, "web="+appWeb)
			for _, alias := range []string{"web.clever", appWeb + ".clever"} {
				cmd := h.command("ssh", alias)
				cmd.Stdin = strings.NewReader("tty; exit\n")
				if out := runs(t, cmd); !strings.Contains(out, "/dev/pts/") {
					t.Errorf("%s has no terminal:\n%s", alias, out)
				}
			}
			for _, s := range g.Events().Sessions {
				if s.Target != appWeb {
					t.Errorf("a session for %q", s.Target)
				}
			}
		})
	}
}
