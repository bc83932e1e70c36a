package setup

import (
	"fmt"
	"io/fs"
	"slices"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// CheckPlace refuses a program that somebody else could replace: the files that call it keep calling it, for
// example after the next clean-up of /tmp. It accepts a folder that also leads to these files: whoever can
// replace the program there can replace them too.
func CheckPlace(program string, callers ...string) error {
	account := atomicfile.Account(callers[0])
	for _, e := range atomicfile.Exposures(program, account) {
		if !slices.ContainsFunc(callers, func(file string) bool { return !atomicfile.Passes(file, e.Path) }) {
			continue
		}
		err := fmt.Errorf("ssh would keep running %s, which others could replace: %w", program, e)
		if e.Owner == account && e.Mode&fs.ModeSticky == 0 { // a sticky folder is open on purpose
			return ui.Hint(err, "type: chmod o-w "+quote.Arg(e.Path), "then run this again")
		}
		return ui.Hint(err, "put it where only you can write: mkdir -p ~/.local/bin && cp "+quote.Arg(program)+" ~/.local/bin/clever-ssh",
			"then run it from there: ~/.local/bin/clever-ssh setup")
	}
	return nil
}
