package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Change is what is to become of a file: where its content is Old, it is to be New. Nil means that there is no file.
type Change struct {
	Path     string
	Old, New []byte
}

// ChangedError says that somebody else has changed a file since it was read.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string { return e.Path + " has just been changed by another program" }

// WriteError says which of the changes could not be made.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string {
	why := e.Err
	if at := new(fs.PathError); errors.As(why, &at) && filepath.Dir(at.Path) == filepath.Dir(e.Path) {
		why = at.Err // the name of a temporary file tells nobody anything; the folder that a link leads to does
	}
	return fmt.Sprintf("writing %s: %v", e.Path, why)
}
func (e *WriteError) Unwrap() error { return e.Err }

// UndoError says that a change was made and could not be undone.
type UndoError struct {
	Path string
	Err  error
}

func (e *UndoError) Error() string {
	return fmt.Sprintf("and %s could not be restored: %v", e.Path, e.Err)
}
func (e *UndoError) Unwrap() error { return e.Err }

// verify returns an error unless the file at path holds a content; nil means that there is no file.
func verify(path string, content []byte) error {
	now, err := read(path)
	if err != nil {
		return err
	}
	if (now == nil) != (content == nil) || !bytes.Equal(now, content) {
		return &ChangedError{path}
	}
	return nil
}

// Replace carries out changes: it writes the files in order, with the folders that are missing, asks check, which may be nil, whether all is
// well, and then removes, in order, what is to be removed. When anything fails, it is all undone: what was written or removed
// gets its former content back, what was not there leaves, folders too, and the error is returned. A link stays, whatever
// becomes of the file that it leads to. The caller holds the lock of all these files.
func Replace(changes []Change, check func() error) (err error) {
	var done []Change
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, c := range slices.Backward(done) {
			if failed := c.undo(); failed != nil {
				err = fmt.Errorf("%w; %w", err, &UndoError{c.Path, failed})
			}
		}
		RemoveFolders(made)
	}()
	for i, c := range changes {
		// One that an earlier change writes is not yet what it is to be.
		if c.New == nil && !slices.ContainsFunc(changes[:i], func(e Change) bool { return e.Path == c.Path }) {
			if err := c.verify(); err != nil {
				return &WriteError{c.Path, err}
			}
		}
	}
	for _, c := range changes {
		if c.New == nil {
			continue
		}
		folders, err := MakeFolder(filepath.Dir(c.Path))
		made = append(made, folders...)
		if err == nil {
			err = c.verify()
		}
		if err == nil {
			err = writeOver(c.Path, c.Old, c.New)
		}
		if err != nil {
			return &WriteError{c.Path, err}
		}
		if c.Old == nil || !bytes.Equal(c.Old, c.New) {
			done = append(done, c)
		}
	}
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c.New != nil {
			continue
		}
		err := c.verify()
		if err == nil {
			err = Remove(c.Path)
		}
		if err != nil {
			return &WriteError{c.Path, err}
		}
		if c.Old != nil {
			done = append(done, c)
		}
	}
	return nil
}

// verify looks whether the file still is what it was.
func (c Change) verify() error {
	return asOwner(c.Path, func() error { return verify(c.Path, c.Old) })
}

// undo takes a change back. What somebody else has written meanwhile stays.
func (c Change) undo() error {
	if c.Old != nil {
		return writeOver(c.Path, c.New, c.Old)
	}
	if err := (Change{Path: c.Path, Old: c.New}).verify(); err != nil {
		return err
	}
	return Remove(c.Path)
}

// writeOver is Write for a file that still holds a content, which is looked at again at the very last moment.
func writeOver(path string, old, content []byte) error {
	return put(path, content, func(target string) error { return verify(target, old) })
}
