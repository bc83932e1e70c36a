package main

// What the program says, and where: results go to stdout, bare, so that they can be piped. Everything else goes to
// stderr, each line begun with "clever-ssh: ", and the lines on which a person can act with "hint: ". Nothing that comes
// from the network, a file or a command line reaches the terminal as it is: control characters are escaped here.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// hinted is an error with what to do about it.
type hinted struct {
	error
	hints []string
}

func (h *hinted) Unwrap() error { return h.error }

// hint adds lines that tell what to do.
func hint(err error, lines ...string) error { return &hinted{err, lines} }

// hintsOf collects the hints of an error. What the system's complaint about a file asks for comes first.
func hintsOf(err error) (lines []string) {
	switch file := new(fs.PathError); {
	case errors.Is(err, atomicfile.ErrNotRegular):
		lines = []string{"something else has that name: move it away"}
	case errors.As(err, &file) && errors.Is(file, fs.ErrPermission):
		lines = []string{"see whose it is, and who may read and write there: " + accessCommand(filepath.Dir(file.Path))}
	}
	for h := new(hinted); errors.As(err, &h); err = h.error {
		lines = append(lines, h.hints...)
	}
	return lines
}

// say prints an error and its hints.
func say(w io.Writer, err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(w, "clever-ssh: %s\n", quote.Line(line))
	}
	for _, line := range hintsOf(err) {
		fmt.Fprintf(w, "hint: %s\n", quote.Line(line))
	}
}

// note prints one line that is no error.
func note(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "clever-ssh: %s\n", quote.Line(fmt.Sprintf(format, args...)))
}
