package ui

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"
)

// Cause returns an error without the program or file that it names first, for a message that has already named
// it.
func Cause(err error) error {
	for inner := err; ; {
		var command *exec.Error
		var path *fs.PathError
		switch {
		case errors.As(inner, &command):
			inner = command.Err
		case errors.As(inner, &path):
			inner = path.Err
		default:
			return inner
		}
	}
}

// Shorten lists the first words, MostNamed at most, and counts the rest.
func Shorten(words []string) string {
	if len(words) > MostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:MostNamed], ", "), len(words)-MostNamed)
	}
	return strings.Join(words, ", ")
}

// MostNamed is how many aliases an error lists.
const MostNamed = 10

// Counted returns a number of things in English: "1 key", "2 addresses".
func Counted(n int, thing string) string {
	if n != 1 && strings.HasSuffix(thing, "s") {
		thing += "e"
	}
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Milliseconds words how long something took.
func Milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
