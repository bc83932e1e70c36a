package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// temporaryPrefix returns how the names of the files that are renamed over a target begin.
func temporaryPrefix(target string) string { return temporaryStart + filepath.Base(target) + "-" }

const temporaryStart = ".clever-ssh-"

// Sweep removes what killed writes left in a folder, which may be absent. The caller must hold the one lock under
// which all of its files are written.
func Sweep(folder string) error {
	err := asOwner(filepath.Join(folder, "x"), func() error {
		return sweepFolder(folder, func(prefix string) bool { return strings.HasPrefix(prefix, temporaryStart) })
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sweep removes what was left by writes of a target that were killed before the rename.
func sweep(target string) error {
	return sweepFolder(filepath.Dir(target), func(name string) bool { return name == temporaryPrefix(target) })
}

// sweepFolder removes the temporary files whose temporaryPrefix satisfies prefix.
func sweepFolder(folder string, prefix func(string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrPermission) { // then nothing was ever left there
		return err
	}
	for _, e := range entries {
		// os.CreateTemp adds digits.
		end := strings.LastIndexByte(e.Name(), '-') + 1
		if _, err := strconv.ParseUint(e.Name()[end:], 10, 64); prefix(e.Name()[:end]) && err == nil && e.Type().IsRegular() {
			err := remove(filepath.Join(folder, e.Name()))
			if err != nil && !errors.Is(err, fs.ErrPermission) { // in /tmp, anybody may make such a file
				return err
			}
		}
	}
	return nil
}
