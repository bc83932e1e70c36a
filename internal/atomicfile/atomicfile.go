// Package atomicfile replaces whole files: a reader sees the old bytes or the new ones, never a mixture, even after a
// crash. The libraries for this keep neither the owner of a file nor a symbolic link to it, and a user's ssh_config
// often needs both.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// Mode is the mode of files that Write creates: ssh stops for every host when a file that it includes can be
// written by others.
const Mode fs.FileMode = 0o600

// Private gives a file, which need not be there, [Mode].
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

// Fault, which only tests set, is called before each call that changes the file system, with the call's name and the path;
// an error takes the place of the call.
var Fault func(call, path string) error

// call carries out one call that changes the file system.
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
