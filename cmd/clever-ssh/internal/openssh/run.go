package openssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// outputOf runs a command, and returns what it prints with LF at the ends of lines: programs of Windows print CR LF. A command whose
// context ends has that context's cause as its error. What a command leaves behind with our pipes is not waited for.
func outputOf(ctx context.Context, cmd *exec.Cmd) (stdout, stderr string, err error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n"), strings.ReplaceAll(said.String(), "\r", ""), err
}

// firstLine is the first line of a text that is not empty.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// versionPatience bounds a program that is asked for its version.
const versionPatience = 3 * time.Second

// VersionOf is the first line with which a program tells its version, wherever it prints that and however it ends.
func VersionOf(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	stdout, stderr, err := outputOf(ctx, exec.CommandContext(ctx, program, args...))
	line := firstLine(stdout + stderr)
	if exit := new(exec.ExitError); errors.As(err, &exit) && line != "" {
		err = nil // plink's status is 1
	}
	return line, err
}

// Keygen asks the ssh-keygen beside this ssh about a key file, and returns the first line that it prints. It reads private keys;
// this program never does.
func (s SSH) Keygen(ctx context.Context, args ...string) (string, error) {
	program, _ := FindProgram("ssh-keygen")
	if program == "" {
		program = filepath.Join(filepath.Dir(string(s)), "ssh-keygen"+filepath.Ext(string(s)))
	}
	ctx, cancel := WithPatience(ctx, agentPatience)
	defer cancel()
	stdout, stderr, err := outputOf(ctx, exec.CommandContext(ctx, program, args...))
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", errors.New(strings.ReplaceAll(strings.TrimSpace(stderr), "\n", "; "))
	}
	return firstLine(stdout), err
}

func WithPatience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no answer within %v", d))
}
