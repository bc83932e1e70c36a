package openssh

import (
	"context"
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

func Find() SSH {
	path, _ := FindProgram("ssh")
	return SSH(path)
}

// Missing tells a person what to do about an ssh that is not there when they type ssh; empty if it is.
func (s SSH) Missing() string {
	switch _, onPath := FindProgram("ssh"); {
	case onPath:
		return ""
	case s == "":
		return "there is no ssh, so nothing has read the entries: " + ui.InstallSSH
	}
	return fmt.Sprintf("ssh is not on PATH, but there is %s: %s", s, ui.AddToPath(filepath.Dir(string(s))))
}

// Patience bounds an ssh that connects nowhere; the user's own Match exec lines run in it.
const Patience = 20 * time.Second

// KnowsRSA asks ssh for its key types. Without ssh the answer is yes, as it is for nearly every one.
func (s SSH) KnowsRSA() bool {
	if s == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	asked := time.Now()
	out, _, err := outputOf(ctx, exec.CommandContext(ctx, string(s), "-Q", "key"))
	ui.Step("asked %s for its key types, which took %v", s, ui.Took(asked))
	return err != nil || slices.Contains(strings.Fields(out), "ssh-rsa")
}
