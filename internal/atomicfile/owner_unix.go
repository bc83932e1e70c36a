//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// keepOwner gives a new file the owner and group of the file that it will replace. An account cannot give its file a
// group that it is not in, as when configuration management left the file in such a group. Then any group will do if
// the mode gives the group exactly what it gives everybody. If not, another group would gain by it, or the old one
// would.
func keepOwner(f *os.File, old fs.FileInfo, target string) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	is, ok := info.Sys().(*syscall.Stat_t)
	if ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	err = f.Chown(int(was.Uid), int(was.Gid))
	if errors.Is(err, syscall.EPERM) && ok && is.Uid == was.Uid {
		group, others := old.Mode().Perm()>>3&7, old.Mode().Perm()&7
		if group == others && (group == 0 || !hasAccessList(target)) { // with a list, the group's bits are those of the mask
			return nil
		}
		return &fs.PathError{Op: "replace", Path: target, Err: &GroupError{int(was.Gid)}}
	}
	return err
}

// resolveFolder follows the symbolic links to a folder, which must exist.
func resolveFolder(path string) (string, error) { return filepath.EvalSymlinks(path) }

// names returns how many names, hard links, a file has.
func names(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Nlink)
	}
	return 1
}

var acting sync.Mutex

// asOwner runs something that changes a path. If root runs it in somebody else's folder, root acts as that account in
// the meantime: new files belong to that account, and a link that it made leads only where it could go itself.
// Credentials belong to the whole process, so only one caller acts at a time, and do must neither wait for another
// caller nor call asOwner.
func asOwner(path string, do func() error) (err error) {
	acting.Lock()
	defer acting.Unlock()
	if os.Geteuid() != 0 {
		return do()
	}
	uid, gid, ok := Owner(path)
	if !ok || uid == 0 {
		return do()
	}
	ownGroup := os.Getegid()
	own, err := syscall.Getgroups()
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, syscall.Seteuid(0), syscall.Setegid(ownGroup), syscall.Setgroups(own))
	}()
	groups := groupsOf(uid, gid)
	for _, step := range []func() error{
		func() error {
			err := syscall.Setgroups(groups)
			if errors.Is(err, syscall.EINVAL) && len(groups) > 16 { // all that macOS takes, though accounts are in more
				err = syscall.Setgroups(groups[:16])
			}
			return err
		},
		func() error { return syscall.Setegid(groups[0]) },
		func() error { return syscall.Seteuid(uid) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("cannot act as the owner of %s: %w", filepath.Dir(path), err)
		}
	}
	return do()
}

// groupsOf lists the groups of an account, its primary one first. For an account that is not in the account database,
// it returns the given group, which is that of a folder. For the others that group does not count: "chown alice"
// leaves the group root there, and alice is not in it.
func groupsOf(uid, gid int) []int {
	groups := []int{gid}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		if primary, err := strconv.Atoi(u.Gid); err == nil {
			groups[0] = primary
		}
		ids, _ := u.GroupIds()
		for _, id := range ids {
			if g, err := strconv.Atoi(id); err == nil && !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// Owner returns the account that decides where a path leads: the last one other than root that owns something on the
// way to the path's folder, as far as that way exists, or the path itself if that is a link. A link of theirs ends
// the way: wherever it leads, they could make it lead elsewhere.
func Owner(path string) (uid, gid int, ok bool) {
	walk(path, func(_ string, info fs.FileInfo, last bool) bool {
		isLink := info.Mode()&fs.ModeSymlink != 0
		s, isStat := info.Sys().(*syscall.Stat_t)
		if !isStat || last && !isLink {
			return false
		}
		ok = true
		if s.Uid != 0 {
			uid, gid = int(s.Uid), int(s.Gid)
		}
		return !isLink || s.Uid == 0
	})
	return uid, gid, ok
}

// walk visits everything that decides where a path leads, from the root folder on: each folder and link on the way,
// and at last what it leads to. Each is visited under a path without links. The walk ends where something does not
// exist, or when visit returns false.
func walk(path string, visit func(at string, info fs.FileInfo, last bool) bool) {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return
		}
		path = here + "/" + path
	}
	at, links := "/", 0
	for way := strings.Split(path, "/"); len(way) > 0 && links < 40; {
		next := filepath.Join(at, way[0]) // at holds no links, so ".." is what it seems
		way = way[1:]
		info, err := os.Lstat(next)
		if err != nil || !visit(next, info, len(way) == 0) {
			return
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		to, err := os.Readlink(next)
		if err != nil {
			return
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		way = append(strings.Split(to, "/"), way...)
		links++
	}
}

// Exposures returns what others than an account and root can replace on the way to a path: what belongs to others,
// and what everybody can write to. A sticky folder counts too: it protects what is there, but once that is gone,
// whoever comes first can make anything in its place. A group that the account or root has let in is trusted, as
// Debian lets staff into /usr/local.
func Exposures(path string, account int) (list []*AccessError) {
	walk(path, func(at string, info fs.FileInfo, _ bool) bool {
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		e := &AccessError{Path: at, Owner: int(s.Uid), Account: account, Mode: info.Mode()}
		if e.Foreign() || info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o002 != 0 {
			list = append(list, e)
		}
		return true
	})
	return list
}

// Passes reports whether the thing at place, a path without links, decides where a path leads.
func Passes(path, place string) (passes bool) {
	walk(path, func(at string, _ fs.FileInfo, _ bool) bool { passes = at == place; return !passes })
	return passes
}

// Account returns the account for which a path is read and written. For root, it is the account that decides where
// the path leads.
func Account(path string) int {
	if euid := os.Geteuid(); euid != 0 {
		return euid
	}
	uid, _, _ := Owner(path)
	return uid
}

// own returns an [AccessError] unless a file or folder belongs to the account or to root, and nobody has a forbidden
// right to write to it.
func own(path string, info fs.FileInfo, account int, forbidden fs.FileMode) error {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	err := &AccessError{Path: path, Owner: int(s.Uid), Account: account, Mode: info.Mode()}
	if err.Foreign() || info.Mode()&forbidden != 0 {
		return err
	}
	return nil
}

// OthersRead reports whether accounts other than this one can read a file: its own mode and its folder's both allow
// it.
func OthersRead(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	file, err := os.Stat(path)
	folder, errFolder := os.Stat(filepath.Dir(path))
	if err != nil || errFolder != nil {
		return false
	}
	read, enter := file.Mode().Perm(), folder.Mode().Perm()
	return read&0o040 != 0 && enter&0o010 != 0 || read&0o004 != 0 && enter&0o001 != 0
}

// syncDir makes a rename permanent: until the folder is synced, a crash may bring the old entry back. By then the new
// content is in place, and some file systems cannot sync a folder, so the caller is not told of a failure.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// removeLocked removes a lock's file while it still holds the lock, so that nobody holds the lock of a file that is
// gone.
func removeLocked(path string, unlock func()) {
	asOwner(path, func() error { return os.Remove(path) })
	unlock()
}
