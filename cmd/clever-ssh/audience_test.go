package main

import (
	"io"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/proxycmd"
)

// If a person sees only the part of a DISCONNECT that ssh shows, as below the bridge, that part also says what
// to do.
func TestReasonOfHostKey(t *testing.T) {
	_, c, err := config.Load("/nonexistent/clever-ssh.toml")
	if err != nil {
		t.Fatal(err)
	}
	g := c.Gateways[0]
	found := config.Fingerprint([]byte("another key"))
	said := audience{Writer: io.Discard}.reason(ui.HintConnection(&proxycmd.HostKeyError{Address: g.Address.HostPort(), Found: found, Pinned: g.Pins}, g))
	if len(said) > shownBySSH || !strings.Contains(said, found.String()) || !strings.HasSuffix(said, "Clever Cloud's documentation, over another network if you can") {
		t.Errorf("%d bytes: %s", len(said), said)
	}
}
