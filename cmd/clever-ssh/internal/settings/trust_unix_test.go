//go:build unix

package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// Settings that others can write are neither read nor locked, and the hint says how to fix that.
func TestOthersCanWrite(t *testing.T) {
	_, path := newFolder(t)
	write(t, path, "")
	for _, open := range []string{path, filepath.Dir(path)} {
		before, err := os.Stat(open)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(open, before.Mode().Perm()|0o022); err != nil {
			t.Fatal(err)
		}
		_, err = Load()
		if err == nil || !strings.Contains(err.Error(), "others can write to "+open) || !strings.Contains(strings.Join(ui.Hints(err), "\n"), "chmod go-w "+open) {
			t.Errorf("%s: %v %q", open, err, ui.Hints(err))
		}
		unlock, err := Lock()
		if (err == nil) != (open == path) {
			t.Errorf("locked with %s open to others: %v", open, err)
		}
		if err == nil {
			unlock()
		}
		if err := os.Chmod(open, before.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}
