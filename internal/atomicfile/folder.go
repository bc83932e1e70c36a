package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// MakeFolder makes a folder with all that is missing above it, for its owner alone. It returns those that it made, the
// innermost last, also with an error.
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
	if errors.Is(err, fs.ErrExist) { // by another process, meanwhile; or it is no folder, which the next call tells
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return append(made, path), nil
}

// RemoveFolders removes folders in reverse order, as far as they are empty. What has come in the place of one stays: a
// file, or a link to a folder.
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
