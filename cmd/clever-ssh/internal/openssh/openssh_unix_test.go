//go:build unix

package openssh

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	ssh := fakeProgram(t, "ssh", "")
	plain := filepath.Join(t.TempDir(), "ssh")
	writeFile(t, plain, "", 0o600) // not a program
	t.Setenv("PATH", filepath.Dir(plain)+":"+filepath.Dir(ssh))
	if got := Find(); got != SSH(ssh) || got.Missing() != "" {
		t.Errorf("found %q, missing: %q", got, got.Missing())
	}
	t.Setenv("PATH", filepath.Dir(plain))
	if got := Find(); got != "" || !strings.HasPrefix(got.Missing(), "ssh was not found, ") {
		t.Errorf("found %q, missing: %q", got, got.Missing())
	}
	if got := SSH(ssh).Missing(); !strings.HasPrefix(got, "ssh is not on PATH, but there is "+ssh+": ") {
		t.Errorf("missing: %q", got)
	}
}

func TestKnowsRSA(t *testing.T) {
	for script, want := range map[string]bool{
		"echo ssh-ed25519; echo ssh-rsa":      true,
		"echo ssh-ed25519":                    false,
		"echo rsa-sha2-512; echo ssh-rsa2":    false,
		`[ "$*" = "-Q key" ] && echo ssh-dss`: false,
		"echo ssh-ed25519; exit 1":            true, // it does not know the question
	} {
		if got := SSH(fakeProgram(t, "ssh", script)).KnowsRSA(); got != want {
			t.Errorf("%s: %t", script, got)
		}
	}
	if !SSH("").KnowsRSA() {
		t.Error("without ssh, entries would be written without RSA")
	}
}
