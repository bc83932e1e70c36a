package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
)

// ErrNotRegular says why a folder, a pipe or a device is neither read nor replaced.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge says that a file is larger than its reader allows.
var ErrTooLarge = errors.New("the file is too large")

// ErrLinked says that a file has several names, hard links, of which a replacement would keep only one.
var ErrLinked = errors.New("the file has several names (hard links), and replacing it would separate them")

// ErrAttributes says that a file has extended attributes, such as an access list, that its replacement would lack.
var ErrAttributes = errors.New("the file has attributes that replacing it would lose")

// GroupError says that a file belongs to a group that the account cannot give it again, and that this group's rights
// differ from everybody's.
type GroupError struct{ GID int }

func (e *GroupError) Error() string {
	return fmt.Sprintf("you are not in its group (%s), and replacing the file would change the group", groupName(e.GID))
}

// groupName returns the name of a group, or its number if it has no name.
func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// AccessError says that somebody other than the account and root can change a file or folder.
type AccessError struct {
	Path    string
	Owner   int // who owns it
	Account int // who should own it
	Mode    fs.FileMode
}

// Foreign reports whether it belongs to somebody else, who may change it whatever its mode is.
func (e *AccessError) Foreign() bool { return e.Owner != 0 && e.Owner != e.Account }

func (e *AccessError) Error() string {
	if e.Foreign() {
		return e.Path + " belongs to somebody else"
	}
	return fmt.Sprintf("others can write to %s (mode %04o)", e.Path, e.Mode.Perm())
}
