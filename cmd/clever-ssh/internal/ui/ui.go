// Package ui prints everything that clever-ssh says to a person.
//
// Results go to stdout, bare, so that they can be piped; the commands print them with package fmt. Everything
// else goes to stderr, or wherever a person reads it, through one of three verbs:
//
//   - [Error]: something failed. A line begins with [Prefix], and a line that says what to do with "hint: ".
//   - [Note]: one line about something that did not fail.
//   - [Step]: one line for -v.
//
// They begin a line with [Prefix]. (So do login.SayWaiting, on a terminal that may be raw, and our scripts on the
// instance.) They escape control characters, so that nothing from the network, a file or a command line reaches
// the terminal unescaped.
//
// Hints belong to errors: [Hint] adds them. The files hints_*.go hold the hints for each kind of error that comes
// from elsewhere, and those that several errors share. A hint for one error of ours is where that error is.
package ui

import (
	"fmt"
	"io"
	"strings"

	"clever-ssh/internal/quote"
)

// Prefix begins each line that is not a hint, so that people know which program speaks.
const Prefix = "clever-ssh: "

// Error prints an error and its hints.
func Error(w io.Writer, err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintf(w, "%s%s\n", Prefix, quote.Line(line))
	}
	for _, line := range Hints(err) {
		fmt.Fprintf(w, "hint: %s\n", quote.Line(line))
	}
}

// Note prints one line about something that did not fail.
func Note(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "%s%s\n", Prefix, quote.Line(fmt.Sprintf(format, args...)))
}

// FromGateway marks each line of a text as the gateway's, so that none passes for one of ours. The lines are
// already printable.
func FromGateway(lines string) string {
	return "gateway: " + strings.ReplaceAll(strings.TrimRight(lines, "\n"), "\n", "\ngateway: ") + "\n"
}
