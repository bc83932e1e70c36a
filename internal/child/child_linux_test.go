package child_test

import (
	"os/exec"
	"testing"

	"clever-ssh/internal/child"
	"clever-ssh/internal/test"
)

func TestEndWithParent(t *testing.T) {
	test.EndsWithStarter(t, func() (*exec.Cmd, error) {
		cmd := exec.Command("sleep", "600")
		child.EndWithParent(cmd)
		return cmd, cmd.Start()
	})
}
