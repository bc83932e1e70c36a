package ui

// The output of -v: a line for each step, with the seconds since the program started.

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"clever-ssh/config/putty"
	"clever-ssh/internal/atomicfile"
)

var started = time.Now()

// Steps is where the steps go; nil without -v.
var Steps io.Writer

// Step writes one line about what was just done, to Steps.
func Step(format string, args ...any) {
	if Steps != nil {
		Note(Steps, "%.3fs  %s", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// StepFunc returns Step as a function of a text, or nil without -v.
func StepFunc() func(text string) {
	if Steps == nil {
		return nil
	}
	return func(text string) { Step("%s", text) }
}

// Took returns the time since then, as steps show it.
func Took(since time.Time) time.Duration { return time.Since(since).Round(time.Millisecond) }

// ShowSteps writes a line of another clever-ssh, if it is a step, with our time.
func ShowSteps(line string) {
	if text, ours := strings.CutPrefix(line, Prefix); ours && IsStep(text) {
		_, text, _ = strings.Cut(text, "  ")
		Step("%s", text)
	}
}

// IsStep reports whether a line, without its prefix, is a step.
func IsStep(text string) bool {
	var seconds float64
	n, _ := fmt.Sscanf(text, "%fs  ", &seconds)
	return n == 1
}

// StepsOfFiles writes a step for each file with what happened to it.
func StepsOfFiles(changes ...atomicfile.Change) {
	for _, c := range changes {
		switch {
		case c.New == nil && c.Old == nil:
		case bytes.Equal(c.Old, c.New) && (c.Old == nil) == (c.New == nil):
			Step("%s is unchanged", c.Path)
		case c.New == nil:
			Step("removed %s", c.Path)
		default:
			Step("wrote %s", c.Path)
		}
	}
}

// StepsOfSessions writes a step for each of PuTTY's saved sessions with what happened to it.
func StepsOfSessions(c *putty.Changes) {
	for _, change := range c.List {
		if change.New == nil {
			Step("removed PuTTY's saved session %s", change.Name)
		} else {
			Step("wrote PuTTY's saved session %s", change.Name)
		}
	}
}
