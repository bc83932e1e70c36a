package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
)

// lockPatience bounds the wait for another setup or remove.
const lockPatience = 30 * time.Second

// Lock takes the lock for changing clever-ssh.toml and everything derived from it. Folders made for the lock
// are removed with it if they are still empty.
func Lock() (unlock func(), err error) {
	path, err := config.Path()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		made, err := atomicfile.MakeFolder(filepath.Dir(path))
		if err == nil {
			err = ui.HintTrust(atomicfile.OwnFolder(filepath.Dir(path)))
		}
		if err != nil {
			atomicfile.RemoveFolders(made)
			return nil, err
		}
		release, err := atomicfile.Guard(path, lockPatience)
		if err == nil {
			ui.Step("locked the settings")
			return func() { release(); atomicfile.RemoveFolders(made) }, nil
		}
		atomicfile.RemoveFolders(made)
		if errors.Is(err, atomicfile.ErrHeld) {
			return nil, ui.Hint(err, "another setup or remove is running: let it finish, then run this again")
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 100 { // another process has just removed its folder
			return nil, err
		}
	}
}
