package openssh

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// outputOf runs a command, and returns what it prints with LF at the ends of lines: programs of Windows print CR LF. A command whose
// context ends has that context's cause as its error. It does not wait for processes that the command leaves behind with our pipes.
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

// firstLine is the first line of a text, less the empty ones before it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// versionPatience bounds a program that is asked for its version.
const versionPatience = 3 * time.Second

// VersionOf is the first line that a program prints when it is asked for its version, to stdout or else to stderr, whatever its exit
// status is.
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
