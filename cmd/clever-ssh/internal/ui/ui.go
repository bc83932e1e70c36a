package ui

// What the program says, and where: results go to stdout, bare, so that they can be piped. Everything else goes to
// stderr, each line begun with "clever-ssh: ", and the lines on which a person can act with "hint: ". Nothing that comes
// from the network, a file or a command line reaches the terminal as it is: control characters are escaped here.

import (
	"fmt"
	"io"
	"strings"

	"clever-ssh/internal/quote"
)

// Error prints an error and its hints.
func Error(w io.Writer, err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(w, "clever-ssh: %s\n", quote.Line(line))
	}
	for _, line := range Hints(err) {
		fmt.Fprintf(w, "hint: %s\n", quote.Line(line))
	}
}

// Note prints one line that is no error.
func Note(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "clever-ssh: %s\n", quote.Line(fmt.Sprintf(format, args...)))
}
