package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Change is what should happen to a file: its content should go from Old to New. Nil means that the file does not
// exist.
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
	// The name of a temporary file helps nobody; the folder that a link leads to does.
	if at := new(fs.PathError); errors.As(why, &at) && filepath.Dir(at.Path) == filepath.Dir(e.Path) {
		why = at.Err
	}
	if rename := new(os.LinkError); errors.As(why, &rename) && filepath.Dir(rename.New) == filepath.Dir(e.Path) {
		why = rename.Err
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

// verify returns an error unless the file at path has this content; nil means that the file does not exist.
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

// Replace carries out changes. It writes the files in order, making missing folders. It asks check, which may be nil,
// whether all is well. Then it removes, in order, the files that are to go. If anything fails, it undoes everything
// and returns the error: files that were written or removed get their former content back, and files and folders that
// were not there go again. A link stays, whatever happens to the file that it leads to. The caller must hold the lock
// of all these files.
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
		// A file that an earlier change writes does not have its final content yet.
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

// verify checks whether the file is still what it was.
func (c Change) verify() error {
	return asOwner(c.Path, func() error { return verify(c.Path, c.Old) })
}

// undo takes a change back. It keeps what somebody else has written in the meantime.
func (c Change) undo() error {
	if c.Old != nil {
		return writeOver(c.Path, c.New, c.Old)
	}
	if err := (Change{Path: c.Path, Old: c.New}).verify(); err != nil {
		return err
	}
	return Remove(c.Path)
}

// writeOver is Write for a file that must still have the old content, which is checked again at the very last moment.
func writeOver(path string, old, content []byte) error {
	return put(path, content, func(target string) error { return verify(target, old) })
}
