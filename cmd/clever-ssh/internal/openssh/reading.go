package openssh

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/pattern"
)

// ForeignHost is a host outside every suffix. It is reserved for documentation (RFC 5737).
const ForeignHost = "192.0.2.1"

// RefusedError means that ssh read its configuration and ended because of its content.
type RefusedError struct {
	text  string
	Hints []string // empty if there is nothing to add
}

func (e *RefusedError) Error() string { return "ssh refuses its configuration: " + e.text }

// Options returns the output of ssh -G for a host: each line holds a keyword in lower case and its value
// (ssh(1), -G). ssh asks no name server here, as it would with CanonicalizeHostname, and so does not wait for
// one that does not answer.
func (s SSH) Options(ctx context.Context, l sshconfig.Layout, host string) (string, error) {
	options, _, err := s.Readings(ctx, l, host)
	return options, err
}

// Readings returns the same as Options, and ssh's log, which tells with -vvv where each value comes from. more
// are further options for ssh. The error is a *RefusedError if ssh does not accept its configuration.
func (s SSH) Readings(ctx context.Context, l sshconfig.Layout, host string, more ...string) (options, log string, err error) {
	ctx, cancel := boundReading(ctx, Patience)
	defer cancel()
	args := append(more, "-o", "CanonicalizeHostname=no", "-G", host)
	cmd := exec.CommandContext(ctx, string(s), args...)
	if !l.Standard {
		cmd = exec.CommandContext(ctx, string(s), append([]string{"-F", l.UserFile}, args...)...)
		if err := asOwnerOf(cmd, l.UserFile); err != nil {
			return "", "", err
		}
	}
	asked := time.Now()
	options, log, err = outputOf(ctx, cmd)
	ui.Step("asked %s for its configuration of %s: that took %v", s, host, ui.Took(asked))
	switch exit := new(exec.ExitError); {
	case ctx.Err() != nil:
		return "", "", err
	case errors.As(err, &exit):
		text := strings.ReplaceAll(strings.TrimSpace(DebugLine().ReplaceAllString(log, "")), "\n", "; ")
		if text == "" {
			text = err.Error()
		}
		return "", "", &RefusedError{text, ui.ModeHints(text, l)}
	case err != nil:
		return "", "", fmt.Errorf("ssh cannot be run: %w", err)
	}
	return options, log, nil
}

// DebugLine matches a line that ssh's log has only under -v.
var DebugLine = pattern.New(`(?m)^(?:debug[1-3]: |OpenSSH_).*\n`)
