package atomicfile

import (
	"errors"
	"io/fs"
)

// Remove removes the file that a path leads to, which may be gone already, and what killed writes left beside it. A
// link stays.
func Remove(path string) error { return removeAfter(path, sweep) }

// RemoveOne is Remove for one of many files in a folder, as WriteOne is Write.
func RemoveOne(path string) error { return removeAfter(path, func(string) error { return nil }) }

func removeAfter(path string, sweep func(target string) error) error {
	return asOwner(path, func() error {
		target, err := resolve(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // its folder does not exist either
		}
		if err != nil {
			return err
		}
		if err := sweep(target); err != nil {
			return err
		}
		return remove(target)
	})
}
