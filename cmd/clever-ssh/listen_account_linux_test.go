package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// Another account of this machine can connect, but gets no further: neither with its own key, nor with a public
// half of this account's.
func TestListenOfStranger(t *testing.T) {
	t.Parallel()
	test.NeedRoot(t)
	h, g, _ := programHome(t)
	l := listenIn(t, h)
	place := test.SocketFolder(t)
	theirs := filepath.Join(place, "id")
	runs(t, h.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", theirs))
	known := filepath.Join(place, "known")
	must(t, os.WriteFile(known, []byte(readText(t, h.path("known"))), 0o644),
		os.Chmod(place, 0o755), os.Chown(theirs, stranger, stranger))
	before := len(g.Events().Attempts)
	cmd := l.ssh("web", "127.0.0.1", "echo in")
	for i := range cmd.Args {
		cmd.Args[i] = strings.NewReplacer(h.path("id"), theirs, h.path("known"), known).Replace(cmd.Args[i])
	}
	out, err := as(stranger, cmd).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Permission denied (publickey)") {
		t.Errorf("another account: %v, %q", err, out)
	}
	if after := len(g.Events().Attempts); after != before {
		t.Error("the gateway was asked for another account")
	}
	l.said.await(t, `refused "web", whose key SHA256:\S+ is not yours`)
	// While this listens, nobody else can take its address, so any answer there comes from this program.
	for _, address := range []string{"127.0.0.1", "::1"} {
		bind := as(stranger, l.command("perl", "-e", `use IO::Socket::IP; exit(IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 1, ReuseAddr => 1) ? 0 : 3)`, address, l.port))
		if bind.Run(); bind.ProcessState.ExitCode() != 3 {
			t.Errorf("another account can listen on %s, too: %v", address, bind.ProcessState)
		}
	}
}
