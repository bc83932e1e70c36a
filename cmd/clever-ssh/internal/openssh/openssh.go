// Package openssh finds this system's OpenSSH, runs it, and asks it about its configuration, its keys and the
// agent. Nothing here connects to a gateway, and everything ends in bounded time: the programs that ssh runs
// while it reads its configuration are the user's, and may hang. Only ssh-keygen reads private keys.
package openssh

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// SSH is the path of the system's ssh, empty if there is none.
type SSH string

// ErrNotFound is the error of a command that needs ssh if ssh is not installed.
var ErrNotFound = ui.Hint(errors.New("ssh was not found"), ui.InstallSSH)

// Find looks for ssh like FindProgram does.
func Find() SSH {
	path, _ := FindProgram("ssh")
	return SSH(path)
}

// Missing tells a person what to do if typing ssh does not start this one; empty if it does.
func (s SSH) Missing() string {
	switch _, onPath := FindProgram("ssh"); {
	case onPath:
		return ""
	case s == "":
		return "ssh was not found, so the entries are untested: " + ui.InstallSSH
	}
	return fmt.Sprintf("ssh is not on PATH, but there is %s: %s", s, ui.AddToPath(filepath.Dir(string(s))))
}

// KnowsRSA asks ssh for its key types. Without ssh the answer is yes, as it is for nearly every ssh.
func (s SSH) KnowsRSA() bool {
	if s == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	asked := time.Now()
	out, _, err := outputOf(ctx, exec.CommandContext(ctx, string(s), "-Q", "key"))
	ui.Step("asked %s for its key types: that took %v", s, ui.Took(asked))
	return err != nil || slices.Contains(strings.Fields(out), "ssh-rsa")
}
