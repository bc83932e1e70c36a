//go:build unix

package setup

import (
	"fmt"
	"os"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"
)

// checkWritable refuses a user's ssh_config that everybody can write to. ssh itself checks only the file in its
// usual place.
func checkWritable(file string) error {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o002 == 0 {
		return nil
	}
	return ui.Hint(fmt.Errorf("anyone can write to %s, and so control what your ssh does", file), "type: chmod go-w "+quote.Arg(file))
}
