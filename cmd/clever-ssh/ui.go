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
	"strconv"
	"strings"
	"unicode"

	"clever-ssh/internal/atomicfile"
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
		fmt.Fprintf(w, "clever-ssh: %s\n", printable(line))
	}
	for _, line := range hintsOf(err) {
		fmt.Fprintf(w, "hint: %s\n", printable(line))
	}
}

// note prints one line that is no error.
func note(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "clever-ssh: %s\n", printable(fmt.Sprintf(format, args...)))
}

// printableLines escapes in lines what a terminal might obey.
func printableLines(lines []string) []string {
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}

// printable escapes what a terminal might obey.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
