//go:build unix

package proxycmd_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

// A gateway changes its host key. With pins for both keys, ssh connects before and after, and back again, although it
// trusts nothing but the known_hosts that the proxy writes. Once the old pin is removed, so is the old key.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	openssh.need(t)
	dir := t.TempDir()
	key := userKey(t, dir)
	knownHosts := filepath.Join(dir, "known_hosts")
	const app = "app_rotation"
	account := &gateway.Account{Organisations: []gateway.Organisation{{Name: "Acme", Applications: []gateway.Application{{
		Name: "web", ID: app, Instances: []gateway.Instance{{ID: "11281f38-31ff-43a7-8595-a2d82630c32b", Name: "Sleepy Ponita"}},
	}}}}}
	old, new := newSigner(ed25519.GenerateKey(rand.Reader)), newSigner(ed25519.GenerateKey(rand.Reader))

	var g *gateway.Gateway
	start := func(hostKey ssh.Signer) {
		t.Helper()
		if g != nil {
			g.Close()
		}
		g = &gateway.Gateway{AnyKey: account, HostKeys: []ssh.Signer{hostKey}}
		if err := g.Start("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { g.Close() })

	// connect reports whether ssh came through to a shell, and leaves exactly these keys in known_hosts.
	connect := func(step string, pins []ssh.Signer, connects bool, remembered ...ssh.Signer) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
		defer cancel()
		args := test.SSHArguments(test.Alone, []string{
			"ProxyCommand=" + proxyItself(t), "HostKeyAlias=clever-ssh-clever", "StrictHostKeyChecking=yes",
			"UserKnownHostsFile=" + knownHosts, "IdentityFile=" + key,
		})
		cmd := exec.CommandContext(ctx, "ssh", append(args, "-T", "-l", "ssh", "gateway.test", app)...)
		var fingerprints []string
		for _, p := range pins {
			fingerprints = append(fingerprints, pin(p).String())
		}
		cmd.Env = append(os.Environ(), "SHELL=/bin/sh", "HOME="+dir, "LC_ALL=C", "GORACE=atexit_sleep_ms=0",
			gatewayVariable+"=ssh@"+g.Addr(), pinsVariable+"="+strings.Join(fingerprints, ","), knownHostsVariable+"="+knownHosts)
		cmd.Stdin = strings.NewReader("echo went''through; exit\n")
		cmd.WaitDelay = test.Patience
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		cmd.Run()
		if came := strings.Contains(said.String(), "wentthrough"); came != connects {
			t.Errorf("%s: came through %v: %s", step, came, &said)
		}
		if refused := strings.Contains(said.String(), "is not pinned"); refused == connects {
			t.Errorf("%s: refused %v: %s", step, refused, &said)
		}
		if attempts := len(g.Events().Attempts); attempts > 0 != connects {
			t.Errorf("%s: %d attempts to authenticate", step, attempts)
		}
		var want []string
		for _, k := range remembered {
			want = append(want, fmt.Sprintf("clever-ssh-clever ssh-ed25519 %s\n", base64.StdEncoding.EncodeToString(k.PublicKey().Marshal())))
		}
		got, err := os.ReadFile(knownHosts)
		if lines := slices.Collect(strings.Lines(string(got))); err != nil || !slices.Equal(lines, want) {
			t.Errorf("%s: known_hosts has %q, want %q", step, lines, want)
		}
	}

	both := []ssh.Signer{old, new}
	start(old)
	connect("before", both, true, old)
	start(new)
	connect("after", both, true, old, new)
	start(old)
	connect("back", both, true, old, new)
	start(new)
	connect("after, without the old pin", []ssh.Signer{new}, true, new)
	start(old)
	connect("back, without the old pin", []ssh.Signer{new}, false, new)
	start(new)
	connect("at last", []ssh.Signer{new}, true, new)
}
