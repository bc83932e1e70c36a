package login

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// If this process is killed before its ssh has opened the back channels, the ssh ends too.
func TestKilledBeforeBackChannelsOpen(t *testing.T) {
	const variable = "CLEVER_SSH_TEST_LISTENS"
	if ssh := os.Getenv(variable); ssh != "" { // the process that is killed
		cmd := exec.Command(ssh)
		defer Listen(cmd, nil, nil).End()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(test.Patience)
	}
	folder := t.TempDir()
	ssh := filepath.Join(folder, "ssh")
	if err := os.WriteFile(ssh, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	us := exec.Command(os.Args[0], "-test.run", "^TestKilledBeforeBackChannelsOpen$")
	us.Env = append(os.Environ(), variable+"="+ssh, "TMPDIR="+folder)
	out, err := us.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := us.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscan(out, &pid)
	us.Process.Kill()
	us.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	test.Eventually(t, "the end of ssh", func() bool { return test.Ended(pid) })
}
