//go:build unix

package sshd_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// A server lets the holder of a key in, runs its command there, and keeps a log.
func TestStart(t *testing.T) {
	test.Slow(t)
	test.Need(t, "ssh")
	file := filepath.Join(t.TempDir(), "id")
	key, err := gateway.WriteUserKey(file)
	if err != nil {
		t.Fatal(err)
	}
	s := sshd.Start(t, sshd.Options{
		Authorized: []ssh.PublicKey{key},
		Command:    "#!/bin/sh\necho \"asked for $SSH_ORIGINAL_COMMAND in a home with $(ls -A ~ | wc -l) files\"\n",
		Lines:      []string{"LogLevel DEBUG1"},
	})
	_, port, _ := strings.Cut(s.Address(), ":")
	args := append(test.SSHArguments(test.Alone, test.AnyHostKey, []string{"LogLevel ERROR"}), "-i", file, "-p", port, s.User+"@127.0.0.1", "a command")
	if out, err := exec.Command("ssh", args...).CombinedOutput(); err != nil || string(out) != "asked for a command in a home with 0 files\n" {
		t.Errorf("%v: %s", err, out)
	}
	test.Eventually(t, "the log tells who came", func() bool { return strings.Contains(s.Log(), "Accepted publickey for "+s.User) })
	if len(s.HostKeys) != 2 || s.HostKeys[0].Type() != "ssh-ed25519" || s.HostKeys[1].Type() != "ssh-rsa" {
		t.Errorf("the host keys are %v", s.HostKeys)
	}
}
