package login

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"clever-ssh/internal/test"
)

// If this process is killed before its ssh has opened the back channels, the ssh ends too.
func TestKilledBeforeBackChannelsOpen(t *testing.T) {
	test.EndsWithStarter(t, func() (*exec.Cmd, error) {
		ssh := filepath.Join(t.TempDir(), "ssh") // it takes any arguments
		if err := os.WriteFile(ssh, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
			return nil, err
		}
		cmd := exec.Command(ssh)
		Listen(cmd, nil, nil)
		return cmd, cmd.Start()
	})
}
