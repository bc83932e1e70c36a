package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the content of the file at path, or creates it with [Mode] whatever the umask. An existing file
// keeps its mode, its owner and its extended attributes. If path is a symbolic link, the link stays and its target is
// replaced. A file that already has this content is not touched. On error nothing has changed. The caller must hold a
// lock that all writers of this file take: Write removes what a killed Write left beside it.
func Write(path string, content []byte) error {
	return put(path, content, func(string) error { return nil })
}

// WriteOne is Write for one of many files in a folder. It does not search the folder each time for what killed writes
// left: the callers remove that with Sweep.
func WriteOne(path string, content []byte) error {
	return asOwner(path, func() error {
		target, err := resolve(path)
		if err != nil {
			return err
		}
		return replaceFile(target, content, func(string) error { return nil })
	})
}

// put is Write, unless against returns an error once the new content is ready.
func put(path string, content []byte, against func(target string) error) error {
	return asOwner(path, func() error {
		target, err := resolve(path)
		if err == nil {
			err = sweep(target)
		}
		if err != nil {
			return err
		}
		return replaceFile(target, content, against)
	})
}

// replaceFile writes a temporary file and renames it over the target, unless against then returns an error.
func replaceFile(target string, content []byte, against func(target string) error) (err error) {
	old, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return err
	case !old.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: target, Err: ErrNotRegular}
	default:
		if now, err := read(target); err == nil && bytes.Equal(now, content) {
			return nil
		}
		if err := mayReplace(target, old); err != nil {
			return err
		}
	}
	var f *os.File
	err = call("create", target, func() (err error) {
		f, err = os.CreateTemp(filepath.Dir(target), temporaryPrefix(target)+"*")
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := writeNew(f, target, old, content); err != nil {
		return err
	}
	if err := against(target); err != nil {
		return err
	}
	if err := call("rename", target, func() error { return whileBusy(func() error { return os.Rename(f.Name(), target) }) }); err != nil {
		return err
	}
	syncDir(filepath.Dir(target))
	return nil
}

// mayReplace returns why a file must not be replaced by another of the same name, or nil.
func mayReplace(target string, old fs.FileInfo) error {
	if names(old) > 1 {
		return &fs.PathError{Op: "replace", Path: target, Err: ErrLinked}
	}
	// Renaming over a file needs no right to the file itself, but a read-only file is meant to stay as it is.
	return whileBusy(func() error {
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err == nil {
			f.Close()
		}
		return err
	})
}

// writeNew gives a new file its content and everything that it keeps from the old one, if there is one, and closes
// it.
func writeNew(f *os.File, target string, old fs.FileInfo, content []byte) error {
	mode := Mode
	if old != nil {
		mode = old.Mode().Perm()
		if err := keepOwner(f, old, target); err != nil {
			return err
		}
		if err := keepAttributes(f, target); err != nil {
			return err
		}
	}
	// An access list has already set the mode, and a chmod might change the list.
	if is, err := f.Stat(); err != nil || is.Mode().Perm() != mode {
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	if err := call("write", target, func() error { _, err := f.Write(content); return err }); err != nil {
		return err
	}
	if err := call("sync", target, f.Sync); err != nil {
		return err
	}
	return f.Close()
}

// resolve follows symbolic links to the file that a write replaces. That file may be absent; its folder may not. Only
// the file system knows where ".." leads from a folder that is itself a link, so paths are not cleaned on the way.
func resolve(path string) (string, error) {
	for range 40 { // as many as Linux follows (path_resolution(7))
		dir, name := filepath.Split(path)
		if dir == "" {
			dir = "."
		}
		dir, err := resolveFolder(dir)
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Mode()&fs.ModeSymlink == 0) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if path = link; !filepath.IsAbs(link) {
			path = dir + string(filepath.Separator) + link
		}
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("too many levels of symbolic links")}
}
