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
	"syscall"
)

// keepOwner gives a new file the owner and group of the file that it will replace.
func keepOwner(f *os.File, old fs.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

// asOwner carries out what changes a path. Where root does it in a folder of somebody else's, it takes on that account for the
// time: what is made belongs to them, and a link that they laid leads nowhere that they could not go themselves.
func asOwner(path string, do func() error) (err error) {
	if os.Geteuid() != 0 {
		return do()
	}
	uid, gid, ok := Owner(path)
	if !ok || uid == 0 {
		return do()
	}
	own, err := syscall.Getgroups()
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, syscall.Seteuid(0), syscall.Setegid(0), syscall.Setgroups(own))
	}()
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(groupsOf(uid, gid)) },
		func() error { return syscall.Setegid(gid) },
		func() error { return syscall.Seteuid(uid) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("cannot act for the owner of %s: %w", filepath.Dir(path), err)
		}
	}
	return do()
}

// groupsOf lists the groups of an account; of one that is not in the account database, the one given.
func groupsOf(uid, gid int) []int {
	groups := []int{gid}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		ids, _ := u.GroupIds()
		for _, id := range ids {
			if g, err := strconv.Atoi(id); err == nil && !slices.Contains(groups, g) {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// Owner returns the account and group of the folder that a path is in or, where that is missing, the nearest above it.
// A link in that place is its maker's, wherever it leads.
func Owner(path string) (uid, gid int, ok bool) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Lstat(dir); err == nil {
			s, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				return 0, 0, false
			}
			return int(s.Uid), int(s.Gid), true
		}
		if dir == filepath.Dir(dir) {
			return 0, 0, false
		}
	}
}

// syncDir makes a rename last: until the folder is synced, a crash may bring the old entry back. The new content
// is in place by then, and some file systems cannot sync a folder, so a failure is none of the caller's.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// removeLocked removes the file of a lock while it is held: nobody may hold the lock of a file that is not there.
func removeLocked(path string, unlock func()) {
	os.Remove(path)
	unlock()
}
