package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadOwn is ReadAtMost for a file that decides whom to trust. As ssh does with its own files, it refuses with an
// [AccessError] a file that does not belong to the account or to root, or that others can write to. The same goes for
// the folder that the path names and for the one that really holds the file: whoever can write there can replace the
// file.
func ReadOwn(path string, most int64) (content []byte, err error) {
	err = asOwner(path, func() error {
		content, err = readOwn(path, most, os.Geteuid(), notOthers)
		return err
	})
	return content, err
}

// ReadShared is ReadOwn for a file that an account may share with a group, such as a project's: its colleagues can
// write to it.
func ReadShared(path string, most int64, account int) (content []byte, err error) {
	err = asOwner(path, func() error {
		content, err = readOwn(path, most, account, notEverybody)
		return err
	})
	return content, err
}

// These mode bits say who must not be able to write.
const (
	notOthers    fs.FileMode = 0o022
	notEverybody fs.FileMode = 0o002
)

func readOwn(path string, most int64, account int, forbidden fs.FileMode) ([]byte, error) {
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
	if err := own(path, info, account, forbidden); err != nil { // checks what was opened, whatever has the name by now
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if err := ownFolder(filepath.Dir(real), account, forbidden); err != nil {
			return nil, err
		}
	}
	return readAll(f, most)
}

// OwnFolder checks that ReadOwn would read from a folder, which may be absent.
func OwnFolder(path string) error {
	return asOwner(filepath.Join(path, "x"), func() error { return ownFolder(path, os.Geteuid(), notOthers) })
}

// SharedFolder checks that ReadShared would read from a folder, which may be absent.
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
