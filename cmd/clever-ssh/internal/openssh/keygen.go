package openssh

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// keygenPatience bounds an ssh-keygen that looks at one key file, which may lie on a slow disk.
const keygenPatience = 2 * time.Second

// Keygen asks ssh-keygen, the one on PATH or else the one beside this ssh, about a key file, and returns the first line that it
// prints. ssh-keygen reads private keys; this program never does.
func (s SSH) Keygen(ctx context.Context, args ...string) (string, error) {
	program, _ := FindProgram("ssh-keygen")
	if program == "" {
		program = filepath.Join(filepath.Dir(string(s)), "ssh-keygen"+filepath.Ext(string(s)))
	}
	ctx, cancel := WithPatience(ctx, keygenPatience)
	defer cancel()
	stdout, stderr, err := outputOf(ctx, exec.CommandContext(ctx, program, args...))
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", errors.New(strings.ReplaceAll(strings.TrimSpace(stderr), "\n", "; "))
	}
	return firstLine(stdout), err
}
