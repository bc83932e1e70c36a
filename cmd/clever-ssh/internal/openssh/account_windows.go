package openssh

import (
	"os/exec"
	"path/filepath"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// asOwnerOf does nothing: no account starts programs for others here.
func asOwnerOf(*exec.Cmd, string) error { return nil }

// Folder returns the folder where ssh looks for a relative Include.
func Folder(sshconfig.Layout) (string, error) {
	home, err := config.Home()
	return filepath.Join(home, ".ssh"), err
}
