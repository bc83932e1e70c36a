package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/pattern"
)

// openSSH is the path of the system's ssh, empty if there is none.
type openSSH string

func findSSH() openSSH {
	path, _ := findProgram("ssh")
	return openSSH(path)
}

// missing tells a person what to do about an ssh that is not there when they type ssh; empty if it is.
func (s openSSH) missing() string {
	switch _, onPath := findProgram("ssh"); {
	case onPath:
		return ""
	case s == "":
		return "there is no ssh, so nothing has read the entries: " + adviceOnNoSSH
	}
	return fmt.Sprintf("ssh is not on PATH, but there is %s: %s", s, adviceOnPath(filepath.Dir(string(s))))
}

// findProgram looks for a program on PATH, then where this system usually keeps it.
func findProgram(name string) (path string, onPath bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, path := range usualPlaces(name) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, false
		}
	}
	return "", false
}

// sshPatience bounds an ssh that connects nowhere; the user's own Match exec lines run in it.
const sshPatience = 20 * time.Second

// knowsRSA asks ssh for its key types. Without ssh the answer is yes, as it is for nearly every one.
func (s openSSH) knowsRSA() bool {
	if s == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), sshPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, string(s), "-Q", "key")
	cmd.WaitDelay = time.Second // what is called ssh may be a script, and leave somebody behind with our pipe
	asked := time.Now()
	out, err := cmd.Output()
	step("asked %s for its key types, which took %v", s, took(asked))
	return err != nil || slices.Contains(strings.Fields(string(out)), "ssh-rsa")
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
// no name server, which ssh itself would do under CanonicalizeHostname, and wait for one that does not answer. The ssh of
// Windows ends its lines with CR LF.
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
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second // what a Match exec has started may hold our pipes
	asked := time.Now()
	out, err := cmd.Output()
	log = strings.ReplaceAll(said.String(), "\r", "")
	step("asked %s what it makes of %s, which took %v", s, host, took(asked))
	switch exit := new(exec.ExitError); {
	case ctx.Err() != nil:
		return "", "", context.Cause(ctx)
	case errors.As(err, &exit):
		text := strings.ReplaceAll(strings.TrimSpace(debugLine().ReplaceAllString(log, "")), "\n", "; ")
		if text == "" {
			text = err.Error()
		}
		return "", "", &refusedError{text, adviceOnMode(text, l)}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return "", "", fmt.Errorf("ssh cannot be run: %w", err)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n"), log, nil
}

// optionOf is the value of an option in what ssh -G prints, empty where it has none.
func optionOf(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// debugLine is what -v adds to what ssh says.
var debugLine = pattern.New(`(?m)^(?:debug[1-3]: |OpenSSH_).*\n`)

var badMode = pattern.New(`Bad owner or permissions on (.+?)(; |$)`)

// adviceOnMode tells how to cure a file that ssh refuses because others can write to it, or because it is somebody else's.
func adviceOnMode(text string, l sshconfig.Layout) []string {
	m := badMode().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	if advice := adviceOnOtherHome(m[1]); advice != nil && l.Standard {
		return advice
	}
	return adviceOnAccess(m[1])
}
