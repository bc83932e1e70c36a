// Package atomicfile replaces whole files: whoever reads one sees the old bytes or the new ones, never a mixture,
// also after a crash. The libraries for this keep neither the owner of a file nor a symbolic link to it,
// and a user's ssh_config is often both somebody's and somewhere else.
package atomicfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Mode is the mode of files that Write creates: ssh stops for every host when a file that it includes can be
// written by others.
const Mode fs.FileMode = 0o600

// Write replaces the content of the file at path, or creates it with [Mode] whatever the umask. An existing file
// keeps its mode and its owner; where path is a symbolic link, the link stays and its target is
// replaced. A file that holds the very content already is not touched. On error nothing has changed.
func Write(path string, content []byte) (err error) {
	target, err := resolve(path)
	if err != nil {
		return err
	}
	mode := Mode
	info, err := os.Stat(target)
	switch {
	case err == nil:
		if !info.Mode().IsRegular() {
			return &fs.PathError{Op: "write", Path: target, Err: errors.New("not a regular file")}
		}
		mode = info.Mode().Perm()
		if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, content) {
			return nil
		}
		// Renaming over a file asks for no right to the file itself; a read-only file is meant to stay as it is.
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		f.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), temporaryPrefix+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if info != nil {
		if err := keepOwner(f, info); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return err
	}
	syncDir(filepath.Dir(target))
	return nil
}

// temporaryPrefix begins the names of the files that Write renames over their targets.
const temporaryPrefix = ".clever-ssh-"

// resolve follows symbolic links to the file that a write replaces, which need not exist; its folder must. Where ".."
// leads to from a folder that is a link itself, only the file system knows, so paths are not cleaned on the way.
func resolve(path string) (string, error) {
	for range 40 { // as many as Linux follows (path_resolution(7))
		dir, name := filepath.Split(path)
		if dir == "" {
			dir = "."
		}
		dir, err := filepath.EvalSymlinks(dir)
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

// lockRetry is how often a taken lock is tried again.
const lockRetry = 3 * time.Millisecond

// Lock takes the lock of a file: an advisory lock on a file beside it, path + ".lock", which stays. It fails when
// patience runs out. The file may be removed by who holds the lock.
func Lock(path string, patience time.Duration) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		before, errBefore := os.Stat(path + ".lock")
		l := flock.New(path+".lock", flock.SetPermissions(Mode))
		if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("another process has held it for %v", patience)
			}
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		// Whoever held it may have removed the file: then others lock the one that is there now.
		if after, err := os.Stat(path + ".lock"); err == nil && errBefore == nil && os.SameFile(before, after) {
			return func() { l.Unlock() }, nil
		}
		l.Unlock()
	}
}

// Update changes the content of a file under its lock: change gets the old content, nil where there is no file,
// and returns the new.
func Update(path string, patience time.Duration, change func(old []byte) ([]byte, error)) error {
	unlock, err := Lock(path, patience)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	return Write(path, content)
}

// File is the content that a path is to have; nil content means that there is to be no file.
type File struct {
	Path    string
	Content []byte
}

// Replace writes files in order, asks check, which may be nil, whether all is well, and then removes what is to be
// removed: a file or a link, never what a link leads to. When a write or the check fails, the files that were
// written get their former content back, those that were not there leave, nothing is removed, and the error
// is returned.
func Replace(files []File, check func() error) (err error) {
	var done []replaced
	defer func() {
		if err == nil {
			return
		}
		for _, r := range slices.Backward(done) {
			if failed := r.undo(); failed != nil {
				err = fmt.Errorf("%w; and it could not be undone: %w", err, failed)
			}
		}
	}()
	for _, f := range files {
		if f.Content == nil {
			continue
		}
		target, err := resolve(f.Path)
		if err != nil {
			return err
		}
		r := replaced{target: target, new: f.Content}
		if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() {
			r.there = true
			if r.old, err = os.ReadFile(target); err != nil {
				return err
			}
		}
		if err := Write(target, f.Content); err != nil {
			return err
		}
		done = append(done, r)
	}
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	for _, f := range files {
		if f.Content == nil {
			if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			done = nil // from here on the way back is longer than the way forward
		}
	}
	return nil
}

// replaced is a file that Replace has written.
type replaced struct {
	target   string
	there    bool // it existed before, with the content old
	old, new []byte
}

// undo gives the file its former content back, or removes it. What somebody else has written meanwhile stays.
func (r replaced) undo() error {
	if now, err := os.ReadFile(r.target); err != nil || !bytes.Equal(now, r.new) {
		return fmt.Errorf("%s was changed by somebody else meanwhile", r.target)
	}
	if !r.there {
		return os.Remove(r.target)
	}
	return Write(r.target, r.old)
}
