// Package atomicfile replaces whole files: a reader sees the old bytes or the new ones, never a mixture, even after a
// crash. The existing libraries keep neither the owner of a file nor a symbolic link to it, and a user's ssh_config
// often needs both.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// Mode is the mode of files that Write creates: if others can write to a file that ssh includes, ssh stops for every
// host.
const Mode fs.FileMode = 0o600

// Private sets a file's mode to [Mode]. The file may be absent.
func Private(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Mode().Perm() == Mode) {
		return nil
	}
	if err != nil {
		return err
	}
	return asOwner(path, func() error {
		return call("chmod", path, func() error { return os.Chmod(path, Mode) })
	})
}

// Fault, which only tests set, is called before each call that changes the file system, with the call's name and the
// path. If it returns an error, the call does not happen.
var Fault func(call, path string) error

// call makes one call that changes the file system.
func call(name, path string, do func() error) error {
	if Fault != nil {
		if err := Fault(name, path); err != nil {
			return &fs.PathError{Op: name, Path: path, Err: err}
		}
	}
	return do()
}

// remove removes a file, which may be gone already.
func remove(path string) error {
	err := call("remove", path, func() error { return whileBusy(func() error { return os.Remove(path) }) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
