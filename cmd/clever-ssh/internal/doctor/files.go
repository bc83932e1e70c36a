package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// checkFiles checks the files that ssh reads: one that others can write to stops ssh for every host.
func (e *examination) checkFiles() {
	const check = "files"
	l := e.layout
	folder := filepath.Dir(l.UserFile)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		e.skip(check, "", "there is no folder %s", folder)
		return
	}
	bad := false
	for _, f := range []struct {
		path    string
		private bool
	}{{folder, false}, {l.UserFile, false}, {l.Folder(), false}, {l.ConfigFile(), false}, {l.MatchFile(), false}, {l.OldMatchFile(), false}, {l.DirectFile(), false}, {l.KnownHosts(), false}, {l.BridgeKey(), true}} {
		switch group, err := accessProblem(f.path, f.private); {
		case err == nil:
			continue
		case group:
			e.warn(check, "", err.Error()+", which ssh allows on some systems if the group is yours alone", ui.Hints(err)...)
		default:
			e.fail(check, "", err)
		}
		bad = true
	}
	for _, path := range []string{l.UserFile, l.ConfigFile(), l.MatchFile(), l.OldMatchFile(), l.DirectFile(), l.KnownHosts()} {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			bad = true
			e.fail(check, "", fmt.Errorf("%s is a folder", path), "move it away, then run: clever-ssh setup")
		}
	}
	if err := writeProblem(l.Folder()); err != nil {
		bad = true
		e.fail(check, "", err)
	}
	if !accessIsSeen {
		e.skip(check, "", "ssh itself checks who else can write to %s", folder)
	} else if !bad {
		e.ok(check, "", "%s is yours, and nobody else can write to it", folder)
	}
}
