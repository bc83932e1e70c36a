package test

import (
	"fmt"
	"os"
	"os/exec"
)

// BuildOutpost builds the outpost for this machine, as a release has it, into a file.
func BuildOutpost(file string) error {
	command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "clever-ssh/cmd/outpost")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
