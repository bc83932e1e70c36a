//go:build unix

package setup

import (
	"fmt"
	"os"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"
)

// warnOfOthers tells of a file that everybody can write to. ssh itself minds in its usual place only.
func warnOfOthers(file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o002 != 0 {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("everybody can write to %s, and so decide what your ssh does", file), "type: chmod go-w "+quote.Arg(file)))
	}
}
