package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// MakeFolder makes a folder and any missing folders above it, for its owner alone. It returns those that it made, the
// innermost last, even with an error.
func MakeFolder(path string) (made []string, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, nil
	}
	if parent := filepath.Dir(path); parent != path {
		if made, err = MakeFolder(parent); err != nil {
			return made, err
		}
	}
	err = asOwner(path, func() error {
		return call("mkdir", path, func() error { return os.Mkdir(path, 0o700) })
	})
	if errors.Is(err, fs.ErrExist) { // another process made it; or it is not a folder, as the next call finds out
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return append(made, path), nil
}

// RemoveFolders removes folders in reverse order, as far as they are empty. If something else has taken the place of
// one, a file or a link to a folder, that stays.
func RemoveFolders(made []string) {
	for _, dir := range slices.Backward(made) {
		asOwner(dir, func() error {
			if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
				return err
			}
			return call("rmdir", dir, func() error { return os.Remove(dir) })
		})
	}
}
