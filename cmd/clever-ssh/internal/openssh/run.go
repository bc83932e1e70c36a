package openssh

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// outputOf runs a command, and returns its output with LF line ends: Windows programs print CR LF. If the
// context ends, the error is the context's cause. outputOf does not wait for processes that the command leaves
// behind with our pipes.
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

// firstLine returns the first line of a text that is not empty.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// versionPatience bounds the wait for a program's version.
const versionPatience = 3 * time.Second

// VersionOf asks a program for its version, and returns the first line that it prints, on stdout or else on
// stderr. It ignores the exit status.
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
