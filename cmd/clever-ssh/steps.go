package main

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

// steps is where the steps are told; nil if nobody wants to know.
var steps io.Writer

func step(format string, args ...any) {
	if steps != nil {
		note(steps, "%.3fs  %s", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// stepHook is step for those who take a function; nil if nobody wants to know.
func stepHook() func(text string) {
	if steps == nil {
		return nil
	}
	return func(text string) { step("%s", text) }
}

// took is how long something has taken, for a step.
func took(since time.Time) time.Duration { return time.Since(since).Round(time.Millisecond) }

// showSteps shows what another clever-ssh tells of its steps, with our time before it. The rest of what it tells is an error.
func showSteps(line string) {
	if text, ours := strings.CutPrefix(line, "clever-ssh: "); ours && isStep(text) {
		_, text, _ = strings.Cut(text, "  ")
		step("%s", text)
	}
}

// isStep tells a step from an error, both without their prefix.
func isStep(text string) bool {
	var seconds float64
	n, _ := fmt.Sscanf(text, "%fs  ", &seconds)
	return n == 1
}

// stepsOf tells what became of files.
func stepsOf(changes ...atomicfile.Change) {
	for _, c := range changes {
		switch {
		case c.New == nil && c.Old == nil:
		case bytes.Equal(c.Old, c.New) && (c.Old == nil) == (c.New == nil):
			step("%s is as it was", c.Path)
		case c.New == nil:
			step("%s is gone", c.Path)
		default:
			step("wrote %s", c.Path)
		}
	}
}

// stepsOfSessions tells what became of PuTTY's saved sessions.
func stepsOfSessions(c *putty.Changes) {
	for _, change := range c.List {
		if change.New == nil {
			step("PuTTY's saved session %s is gone", change.Name)
		} else {
			step("wrote PuTTY's saved session %s", change.Name)
		}
	}
}
