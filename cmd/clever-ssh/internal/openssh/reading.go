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

// RefusedError is an ssh that reads its configuration and ends because of what is in it.
type RefusedError struct {
	text   string
	Advice []string // hints; empty if there is nothing to add
}

func (e *RefusedError) Error() string { return "ssh refuses its configuration: " + e.text }

// Options returns what ssh -G prints for a host: a keyword in lower case and its value in each line (ssh(1), -G). It asks
// no name server, which ssh itself would do under CanonicalizeHostname, and wait for one that does not answer.
func (s SSH) Options(ctx context.Context, l sshconfig.Layout, host string) (string, error) {
	options, _, err := s.Readings(ctx, l, host)
	return options, err
}

// Readings returns what Options does, and ssh's log, which tells with -vvv where each value comes from. More are options of ssh's own.
// The error is a *RefusedError if ssh does not accept its configuration.
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

// DebugLine is a line that ssh's log has only under -v.
var DebugLine = pattern.New(`(?m)^(?:debug[1-3]: |OpenSSH_).*\n`)
