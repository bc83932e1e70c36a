package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
)

// cause is an error without the program or file that it names first, which has been said.
func cause(err error) error {
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

// shorten lists some words, and counts the rest.
func shorten(words []string) string {
	if len(words) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:mostNamed], ", "), len(words)-mostNamed)
	}
	return strings.Join(words, ", ")
}

// mostNamed is how many aliases an error lists.
const mostNamed = 10

// counted is a number of things.
func counted(n int, thing string) string {
	if n != 1 && strings.HasSuffix(thing, "s") {
		thing += "e"
	}
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
