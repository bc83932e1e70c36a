package openssh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/pattern"
)

// Values are all values of a keyword in what ssh -G prints, in one line.
func Values(options, keyword string) string {
	var list []string
	for line := range strings.Lines(options) {
		if value, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), keyword+" "); ok {
			list = append(list, value)
		}
	}
	return strings.Join(list, ", ")
}

// readingPatience bounds what ssh takes to read its configuration, again and again, so that time is left for all else.
const readingPatience = 6 * time.Second

func WithReadingPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, readingPatience, fmt.Errorf("ssh did not finish reading its configuration within %v: does a Match exec in it take long?", readingPatience))
}

// Probe is what ssh is asked for, without connecting, to see what it makes of the entries.
type Probe struct {
	Alias        string
	Target       config.Target // what it must lead to; empty for a menu
	HostKeyAlias string
}

// Outcome is what ssh made of the entries.
type Outcome int

const (
	unasked         Outcome = iota // there is no ssh, or no file for it
	EntriesNotFound                // it did not find them: it looked for them elsewhere, or found something before
	TargetNotFound                 // it found them, but not the target
	Found
)

// ForeignHost is outside every suffix. It is reserved for documentation (RFC 5737).
const ForeignHost = "192.0.2.1"

// RefusedError is what ssh says against its configuration.
type RefusedError struct {
	text   string
	Advice []string // empty if there is nothing to add
}

func (e *RefusedError) Error() string { return "ssh refuses its configuration: " + e.text }

// Probe has ssh read its configuration for a host that is none of ours and for the probe. Options are what it prints for the probe. The error
// is a *refusedError, or that it could not be asked.
func (s SSH) Probe(ctx context.Context, l sshconfig.Layout, p Probe) (made Outcome, options string, err error) {
	if s == "" {
		return unasked, "", nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // which ssh minds under -F only
		return unasked, "", nil
	}
	if _, err := s.Options(ctx, l, ForeignHost); err != nil {
		return unasked, "", err
	}
	options, err = s.Options(ctx, l, p.Alias)
	switch {
	case err != nil:
		return unasked, "", err
	case Option(options, "hostkeyalias") != p.HostKeyAlias:
		return EntriesNotFound, options, nil
	case p.Target != "" && Option(options, "remotecommand") != string(p.Target):
		return TargetNotFound, options, nil
	}
	return Found, options, nil
}

// Options returns what ssh -G prints for a host: a keyword in lower case and its value in each line (ssh(1), -G). It asks
// no name server, which ssh itself would do under CanonicalizeHostname, and wait for one that does not answer.
func (s SSH) Options(ctx context.Context, l sshconfig.Layout, host string) (string, error) {
	options, _, err := s.Readings(ctx, l, host)
	return options, err
}

// Readings returns what options does, and what ssh says besides, which with -vvv is how it came to that.
func (s SSH) Readings(ctx context.Context, l sshconfig.Layout, host string, more ...string) (options, log string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("ssh did not finish reading its configuration within %v: does a Match exec in it take long?", Patience))
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
	ui.Step("asked %s what it makes of %s, which took %v", s, host, ui.Took(asked))
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

// Option is the value of an option in what ssh -G prints, empty where it has none.
func Option(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// DebugLine is what -v adds to what ssh says.
var DebugLine = pattern.New(`(?m)^(?:debug[1-3]: |OpenSSH_).*\n`)
