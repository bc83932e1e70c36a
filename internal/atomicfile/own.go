package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadOwn is Read for a file that decides whom to trust. As ssh does with its own files, it refuses one that does not belong
// to the account or to root, and one that others can write to, with an [AccessError]. The folder that the path names and
// the one that really holds the file must be like that, too: whoever can write there replaces the file.
func ReadOwn(path string) (content []byte, err error) {
	err = asOwner(path, func() error {
		content, err = readOwn(path, os.Geteuid(), notOthers)
		return err
	})
	return content, err
}

// ReadShared is ReadOwn for a file that an account may share with a group, as a project's is: its colleagues can write to it.
func ReadShared(path string, account int) (content []byte, err error) {
	err = asOwner(path, func() error {
		content, err = readOwn(path, account, notEverybody)
		return err
	})
	return content, err
}

// These mode bits say who must not be able to write.
const (
	notOthers    fs.FileMode = 0o022
	notEverybody fs.FileMode = 0o002
)

func readOwn(path string, account int, forbidden fs.FileMode) ([]byte, error) {
	if err := ownFolder(filepath.Dir(path), account, forbidden); err != nil {
		return nil, err
	}
	f, info, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := own(path, info, account, forbidden); err != nil { // what was opened, whatever has the name by now
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if err := ownFolder(filepath.Dir(real), account, forbidden); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(f)
}

// OwnFolder makes sure that a folder, which need not be there, is one from which ReadOwn would read.
func OwnFolder(path string) error {
	return asOwner(filepath.Join(path, "x"), func() error { return ownFolder(path, os.Geteuid(), notOthers) })
}

// SharedFolder makes sure that a folder, which need not be there, is one from which ReadShared would read.
func SharedFolder(path string, account int) error {
	return asOwner(filepath.Join(path, "x"), func() error { return ownFolder(path, account, notEverybody) })
}

func ownFolder(path string, account int, forbidden fs.FileMode) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return own(path, info, account, forbidden)
}
