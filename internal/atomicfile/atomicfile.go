// Package atomicfile replaces whole files: whoever reads one sees the old bytes or the new ones, never a mixture,
// also after a crash. The libraries for this keep neither the owner of a file nor a symbolic link to it,
// and a user's ssh_config is often both somebody's and somewhere else.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Mode is the mode of files that Write creates: ssh stops for every host when a file that it includes can be
// written by others.
const Mode fs.FileMode = 0o600

// ErrNotRegular is why a folder, a pipe or a device is neither read nor replaced.
var ErrNotRegular = errors.New("not a regular file")

// Read returns the content of a file, nil where there is none. It reads as the account for which a write would act, and
// nothing but regular files: others might keep it waiting for ever.
func Read(path string) (content []byte, err error) {
	err = asOwner(path, func() error { content, err = read(path); return err })
	return content, err
}

func read(path string) ([]byte, error) {
	f, _, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
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

// Write replaces the content of the file at path, or creates it with [Mode] whatever the umask. An existing file
// keeps its mode, its owner and its extended attributes; where path is a symbolic link, the link stays and its target is
// replaced. A file that holds the very content already is not touched. On error nothing has changed. The caller holds
// a lock that all who write this file take: what a Write that was killed left beside it is removed.
func Write(path string, content []byte) error {
	return put(path, content, func(string) error { return nil })
}

// WriteOne is Write for one of many files in a folder, which would be searched each time for what killed writes have left: whoever
// writes them removes that with Sweep.
func WriteOne(path string, content []byte) error {
	return asOwner(path, func() error {
		target, err := resolve(path)
		if err != nil {
			return err
		}
		return replaceFile(target, content, func(string) error { return nil })
	})
}

// Sweep removes what killed writes have left in a folder, which need not be there. The caller holds the one lock under which all
// of its files are written.
func Sweep(folder string) error {
	err := asOwner(filepath.Join(folder, "x"), func() error {
		return sweepFolder(folder, func(prefix string) bool { return strings.HasPrefix(prefix, temporaryStart) })
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeOver is Write for a file that still holds a content, which is looked at again at the very last moment.
func writeOver(path string, old, content []byte) error {
	return put(path, content, func(target string) error { return verify(target, old) })
}

// put is Write unless there is something against it when the new content is ready.
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

// ErrLinked says that a file has several names, hard links, of which a replacement would take only one along.
var ErrLinked = errors.New("the file has several names (hard links), which replacing it would part")

// ErrAttributes says that a file has extended attributes, such as an access list, that a replacement would not have.
var ErrAttributes = errors.New("the file has attributes that replacing it would lose")

// GroupError says that a file is in a group that the account cannot give it again, and that this group may do other things with it
// than everybody may.
type GroupError struct{ GID int }

func (e *GroupError) Error() string {
	return fmt.Sprintf("you are not in its group (%s), which replacing it would change", groupName(e.GID))
}

// groupName is the name of a group, or its number where it has none.
func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// replaceFile writes a temporary file and, if there is nothing against it then, renames it over the target.
func replaceFile(target string, content []byte, against func(target string) error) (err error) {
	mode := Mode
	info, err := os.Stat(target)
	switch {
	case err == nil:
		if !info.Mode().IsRegular() {
			return &fs.PathError{Op: "write", Path: target, Err: ErrNotRegular}
		}
		mode = info.Mode().Perm()
		if old, err := read(target); err == nil && bytes.Equal(old, content) {
			return nil
		}
		if names(info) > 1 {
			return &fs.PathError{Op: "replace", Path: target, Err: ErrLinked}
		}
		// Renaming over a file asks for no right to the file itself; a read-only file is meant to stay as it is.
		err := whileBusy(func() error {
			f, err := os.OpenFile(target, os.O_WRONLY, 0)
			if err == nil {
				f.Close()
			}
			return err
		})
		if err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
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
	if info != nil {
		if err := keepOwner(f, info, target); err != nil {
			return err
		}
		if err := keepAttributes(f, target); err != nil {
			return err
		}
	}
	// An access list has set the mode as well, and a chmod might change the list.
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
	if err := f.Close(); err != nil {
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

// temporaryPrefix begins the names of the files that are renamed over a target.
func temporaryPrefix(target string) string { return temporaryStart + filepath.Base(target) + "-" }

const temporaryStart = ".clever-ssh-"

// sweep removes what writes of a target have left that were killed before they could rename it.
func sweep(target string) error {
	return sweepFolder(filepath.Dir(target), func(name string) bool { return name == temporaryPrefix(target) })
}

// sweepFolder removes the temporary files of those targets of which prefix knows the temporaryPrefix.
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

// remove removes a file, which may be gone already.
func remove(path string) error {
	err := call("remove", path, func() error { return whileBusy(func() error { return os.Remove(path) }) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// MakeFolder makes a folder with all that is missing above it, for its owner alone. It returns those that it made, the
// innermost last, also with an error.
func MakeFolder(path string) (made []string, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, nil
	}
	if parent := filepath.Dir(path); parent != path {
		if made, err = MakeFolder(parent); err != nil {
			return made, err
		}
	}
	err = asOwner(path, func() error {
		return call("mkdir", path, func() error { return os.Mkdir(path, 0o700) })
	})
	if errors.Is(err, fs.ErrExist) { // by another process, meanwhile; or it is no folder, which the next call tells
		return made, nil
	}
	if err != nil {
		return made, err
	}
	return append(made, path), nil
}

// RemoveFolders removes folders in reverse order, as far as they are empty. What has come in the place of one stays: a
// file, or a link to a folder.
func RemoveFolders(made []string) {
	for _, dir := range slices.Backward(made) {
		asOwner(dir, func() error {
			if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
				return err
			}
			return call("rmdir", dir, func() error { return os.Remove(dir) })
		})
	}
}

// resolve follows symbolic links to the file that a write replaces, which need not exist; its folder must. Where ".."
// leads to from a folder that is a link itself, only the file system knows, so paths are not cleaned on the way.
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

// ErrHeld says that a lock was taken, and nothing changed, for as long as somebody had patience.
var ErrHeld = errors.New("another process has held it")

// leastRetry and mostRetry are how soon a taken lock is tried again: at once where it is free in a moment, and rarely where many wait, who
// would keep the one that holds it from its work.
const (
	leastRetry = 3 * time.Millisecond
	mostRetry  = 60 * time.Millisecond
)

// mostTurns is how many times its patience somebody waits at most while others take turns.
const mostTurns = 10

// Lock takes the lock of a file: an advisory lock on a file beside it, path + ".lock", which stays. It fails when
// patience runs out, which begins again whenever the file has changed, or the lock's: then others have had their turn. The file
// of the lock may be removed by who holds the lock.
func Lock(path string, patience time.Duration) (unlock func(), err error) {
	began := time.Now()
	since, seen := began, progressOf(path)
	for retry := leastRetry; ; {
		before, errBefore := os.Stat(path + ".lock")
		l := flock.New(path+".lock", flock.SetPermissions(Mode))
		var taken bool
		err := asOwner(path, func() error {
			return whileBusy(func() (err error) { taken, err = l.TryLock(); return err })
		})
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if taken {
			// Whoever held it may have removed the file: then others lock the one that is there now.
			if after, err := os.Stat(path + ".lock"); err == nil && errBefore == nil && os.SameFile(before, after) {
				return func() { l.Unlock() }, nil
			}
			l.Unlock()
			continue
		}
		l.Close()
		now := time.Now()
		if progress := progressOf(path); progress != seen && now.Sub(began) < mostTurns*patience {
			since, seen = now, progress
		}
		if now.Sub(since) > patience {
			return nil, fmt.Errorf("locking %s: %w for %v", path, ErrHeld, patience)
		}
		time.Sleep(retry/2 + rand.N(retry)) // those who wait together do not try together
		retry = min(2*retry, mostRetry)
	}
}

// progressOf changes with a file, and with the file of its lock where each who holds it makes its own.
func progressOf(path string) string {
	var b strings.Builder
	for _, path := range []string{path, path + ".lock"} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d %v;", info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// Guard is Lock for a while: the file of the lock leaves with it.
func Guard(path string, patience time.Duration) (release func(), err error) {
	unlock, err := Lock(path, patience)
	if err != nil {
		return nil, err
	}
	return func() { removeLocked(path+".lock", unlock) }, nil
}

// Update changes the content of a file under its lock: change gets the old content, nil where there is no file,
// and returns the new.
func Update(path string, patience time.Duration, change func(old []byte) ([]byte, error)) error {
	unlock, err := Lock(path, patience)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := Read(path)
	if err != nil {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	return Write(path, content)
}

// Change is what is to become of a file: where its content is Old, it is to be New. Nil means that there is no file.
type Change struct {
	Path     string
	Old, New []byte
}

// ChangedError says that somebody else has changed a file since it was read.
type ChangedError struct{ Path string }

func (e *ChangedError) Error() string { return e.Path + " was changed by another program meanwhile" }

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

// UndoError says that a change was made and could not be taken back.
type UndoError struct {
	Path string
	Err  error
}

func (e *UndoError) Error() string {
	return fmt.Sprintf("and %s could not be put back: %v", e.Path, e.Err)
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
// well, and then removes, in order, what is to be removed. When anything up to the check fails, it is all undone: what was
// written gets its former content back, what was not there leaves, folders too, and the error is returned. A link stays, whatever
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
	done, made = nil, nil // from here on the way back is longer than the way forward
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

// Remove removes the file that a path leads to, which may be gone already, and what killed writes left beside it. A link
// stays.
func Remove(path string) error { return removeAfter(path, sweep) }

// RemoveOne is Remove for one of many files in a folder, as WriteOne is Write.
func RemoveOne(path string) error { return removeAfter(path, func(string) error { return nil }) }

func removeAfter(path string, sweep func(target string) error) error {
	return asOwner(path, func() error {
		target, err := resolve(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nor is its folder
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
