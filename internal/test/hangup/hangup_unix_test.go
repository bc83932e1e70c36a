//go:build unix

package hangup

import (
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// A SIGHUP ends programs started after nohup as it would without nohup.
func TestRestore(t *testing.T) {
	hangUp := func() syscall.WaitStatus {
		t.Helper()
		cmd := exec.Command("sh", "-c", "kill -HUP $$; exit 3")
		cmd.Run()
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if s := hangUp(); s.ExitStatus() != 3 {
		t.Fatalf("an ignored SIGHUP was not inherited: %v", s)
	}
	Restore()
	if s := hangUp(); s.Signal() != syscall.SIGHUP {
		t.Errorf("exit status %d, signal %v", s.ExitStatus(), s.Signal())
	}
}
