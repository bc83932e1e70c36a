package ui

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"clever-ssh/config/putty"
	"clever-ssh/internal/atomicfile"
)

// What -v shows: a line for each step, with the time since the program was started.

var started = time.Now()

// Steps is where the steps are told; nil if nobody wants to know.
var Steps io.Writer

func Step(format string, args ...any) {
	if Steps != nil {
		Note(Steps, "%.3fs  %s", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// StepFunc is step for those who take a function; nil if nobody wants to know.
func StepFunc() func(text string) {
	if Steps == nil {
		return nil
	}
	return func(text string) { Step("%s", text) }
}

// Took is how long something has taken, for a step.
func Took(since time.Time) time.Duration { return time.Since(since).Round(time.Millisecond) }

// ShowSteps shows what another clever-ssh tells of its steps, with our time before it. The rest of what it tells is an error.
func ShowSteps(line string) {
	if text, ours := strings.CutPrefix(line, "clever-ssh: "); ours && IsStep(text) {
		_, text, _ = strings.Cut(text, "  ")
		Step("%s", text)
	}
}

// IsStep tells a step from an error, both without their prefix.
func IsStep(text string) bool {
	var seconds float64
	n, _ := fmt.Sscanf(text, "%fs  ", &seconds)
	return n == 1
}

// StepsOfFiles tells what became of files.
func StepsOfFiles(changes ...atomicfile.Change) {
	for _, c := range changes {
		switch {
		case c.New == nil && c.Old == nil:
		case bytes.Equal(c.Old, c.New) && (c.Old == nil) == (c.New == nil):
			Step("%s is as it was", c.Path)
		case c.New == nil:
			Step("%s is gone", c.Path)
		default:
			Step("wrote %s", c.Path)
		}
	}
}

// StepsOfSessions tells what became of PuTTY's saved sessions.
func StepsOfSessions(c *putty.Changes) {
	for _, change := range c.List {
		if change.New == nil {
			Step("PuTTY's saved session %s is gone", change.Name)
		} else {
			Step("wrote PuTTY's saved session %s", change.Name)
		}
	}
}
