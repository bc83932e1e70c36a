package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/pattern"
)

// valuesOf are all values of a keyword in what ssh -G prints, in one line.
func valuesOf(options, keyword string) string {
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

func withReadingPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, readingPatience, fmt.Errorf("ssh did not finish reading its configuration within %v: does a Match exec in it take long?", readingPatience))
}

// probe is what ssh is asked for, without connecting, to see what it makes of the entries.
type probe struct {
	alias        string
	target       config.Target // what it must lead to; empty for a menu
	hostKeyAlias string
}

// answer is what ssh made of the entries.
type answer int

const (
	unasked   answer = iota // there is no ssh, or no file for it
	elsewhere               // it did not find them: it looked for them elsewhere, or found something before
	astray                  // it found them, but not the target
	inForce
)

// foreignHost is outside every suffix. It is reserved for documentation (RFC 5737).
const foreignHost = "192.0.2.1"

// refusedError is what ssh says against its configuration.
type refusedError struct {
	text   string
	advice []string // empty if there is nothing to add
}

func (e *refusedError) Error() string { return "ssh refuses its configuration: " + e.text }

// reads has ssh read its configuration for a host that is none of ours and for the probe. Options are what it prints for the probe. The error
// is a *refusedError, or that it could not be asked.
func (s openSSH) reads(ctx context.Context, l sshconfig.Layout, p probe) (made answer, options string, err error) {
	if s == "" {
		return unasked, "", nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // which ssh minds under -F only
		return unasked, "", nil
	}
	if _, err := s.options(ctx, l, foreignHost); err != nil {
		return unasked, "", err
	}
	options, err = s.options(ctx, l, p.alias)
	switch {
	case err != nil:
		return unasked, "", err
	case optionOf(options, "hostkeyalias") != p.hostKeyAlias:
		return elsewhere, options, nil
	case p.target != "" && optionOf(options, "remotecommand") != string(p.target):
		return astray, options, nil
	}
	return inForce, options, nil
}

// options returns what ssh -G prints for a host: a keyword in lower case and its value in each line (ssh(1), -G). It asks
// no name server, which ssh itself would do under CanonicalizeHostname, and wait for one that does not answer.
func (s openSSH) options(ctx context.Context, l sshconfig.Layout, host string) (string, error) {
	options, _, err := s.readings(ctx, l, host)
	return options, err
}

// readings returns what options does, and what ssh says besides, which with -vvv is how it came to that.
func (s openSSH) readings(ctx context.Context, l sshconfig.Layout, host string, more ...string) (options, log string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, sshPatience, fmt.Errorf("ssh did not finish reading its configuration within %v: does a Match exec in it take long?", sshPatience))
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
	step("asked %s what it makes of %s, which took %v", s, host, took(asked))
	switch exit := new(exec.ExitError); {
	case ctx.Err() != nil:
		return "", "", err
	case errors.As(err, &exit):
		text := strings.ReplaceAll(strings.TrimSpace(debugLine().ReplaceAllString(log, "")), "\n", "; ")
		if text == "" {
			text = err.Error()
		}
		return "", "", &refusedError{text, adviceOnMode(text, l)}
	case err != nil:
		return "", "", fmt.Errorf("ssh cannot be run: %w", err)
	}
	return options, log, nil
}

// optionOf is the value of an option in what ssh -G prints, empty where it has none.
func optionOf(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// debugLine is what -v adds to what ssh says.
var debugLine = pattern.New(`(?m)^(?:debug[1-3]: |OpenSSH_).*\n`)
