//go:build linux

package sftp

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// What attributes hold (section 5).
const (
	hasSize        = 1 << 0
	hasOwner       = 1 << 1
	hasPermissions = 1 << 2
	hasTimes       = 1 << 3
	hasExtended    = 1 << 31
)

// attributes are those of a file that a client wants to set.
type attributes struct {
	flags       uint32
	size        uint64
	uid, gid    uint32
	permissions uint32
	atime       uint32
	mtime       uint32
}

func readAttributes(p *field.Reader) (a attributes) {
	a.flags = p.Uint32()
	if a.flags&hasSize != 0 {
		a.size = p.Uint64()
	}
	if a.flags&hasOwner != 0 {
		a.uid, a.gid = p.Uint32(), p.Uint32()
	}
	if a.flags&hasPermissions != 0 {
		a.permissions = p.Uint32()
	}
	if a.flags&hasTimes != 0 {
		a.atime, a.mtime = p.Uint32(), p.Uint32()
	}
	if a.flags&hasExtended != 0 {
		for n := p.Uint32(); n > 0 && !p.Failed(); n-- {
			p.Bytes()
			p.Bytes()
		}
	}
	return a
}

// mode is what a new file gets, before the umask.
func (a attributes) mode(otherwise uint32) uint32 {
	if a.flags&hasPermissions != 0 {
		return a.permissions & 0o7777
	}
	return otherwise
}

func (a attributes) times() []unix.Timespec {
	return []unix.Timespec{
		unix.NsecToTimespec(int64(a.atime) * int64(time.Second)),
		unix.NsecToTimespec(int64(a.mtime) * int64(time.Second)),
	}
}

// set sets what a client asked for, each attribute with a function of its own. It does as much as it can, and
// returns the last error.
func (a attributes) set(truncate func(size int64) error, chmod func(mode uint32) error,
	times func([]unix.Timespec) error, chown func(uid, gid int) error,
) (err error) {
	note := func(failed error) {
		if failed != nil {
			err = failed
		}
	}
	if a.flags&hasSize != 0 {
		note(truncate(int64(a.size)))
	}
	if a.flags&hasPermissions != 0 {
		note(chmod(a.permissions & 0o7777))
	}
	if a.flags&hasTimes != 0 {
		note(times(a.times()))
	}
	if a.flags&hasOwner != 0 {
		note(chown(int(int32(a.uid)), int(int32(a.gid))))
	}
	return err
}

// setPath sets the attributes of what a path leads to, or of a link itself if it is not to be followed.
func (a attributes) setPath(path string, follow bool) error {
	flags := 0
	if !follow {
		flags = unix.AT_SYMLINK_NOFOLLOW
		if a.flags&hasSize != 0 {
			return unix.EINVAL // a link has no size to set
		}
	}
	return a.set(
		func(size int64) error { return unix.Truncate(path, size) },
		func(mode uint32) error { return unix.Fchmodat(unix.AT_FDCWD, path, mode, flags) },
		func(t []unix.Timespec) error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, t, flags) },
		func(uid, gid int) error { return unix.Fchownat(unix.AT_FDCWD, path, uid, gid, flags) },
	)
}

func (a attributes) setFile(fd int) error {
	return a.set(
		func(size int64) error { return unix.Ftruncate(fd, size) },
		func(mode uint32) error { return unix.Fchmod(fd, mode) },
		func(t []unix.Timespec) error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), t, 0)
		},
		func(uid, gid int) error { return unix.Fchown(fd, uid, gid) },
	)
}

// appendAttributes encodes the attributes of an existing file.
func appendAttributes(b []byte, s *unix.Stat_t) []byte {
	b = binary.BigEndian.AppendUint32(b, hasSize|hasOwner|hasPermissions|hasTimes)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Size))
	for _, n := range []uint32{s.Uid, s.Gid, s.Mode, uint32(s.Atim.Sec), uint32(s.Mtim.Sec)} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// long returns a line like those of ls -l, which clients show to people.
func long(name string, s *unix.Stat_t, ids *identities) string {
	recent := time.Unix(s.Mtim.Unix())
	layout := "Jan _2 15:04"
	if age := time.Since(recent); age < 0 || age > 365*24*time.Hour/2 {
		layout = "Jan _2  2006"
	}
	return modeText(s.Mode) + " " + right(strconv.FormatUint(uint64(s.Nlink), 10), 3) + " " +
		left(ids.user(s.Uid), 8) + " " + left(ids.group(s.Gid), 8) + " " +
		right(strconv.FormatInt(s.Size, 10), 8) + " " + recent.Format(layout) + " " + name
}

func left(text string, width int) string  { return text + strings.Repeat(" ", max(0, width-len(text))) }
func right(text string, width int) string { return strings.Repeat(" ", max(0, width-len(text))) + text }

func modeText(mode uint32) string {
	text := []byte("?rwxrwxrwx")
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		text[0] = '-'
	case unix.S_IFDIR:
		text[0] = 'd'
	case unix.S_IFLNK:
		text[0] = 'l'
	case unix.S_IFCHR:
		text[0] = 'c'
	case unix.S_IFBLK:
		text[0] = 'b'
	case unix.S_IFIFO:
		text[0] = 'p'
	case unix.S_IFSOCK:
		text[0] = 's'
	}
	for bit := range 9 {
		if mode&(0o400>>bit) == 0 {
			text[1+bit] = '-'
		}
	}
	for _, special := range []struct {
		bit           uint32
		at            int
		with, without byte
	}{{unix.S_ISUID, 3, 's', 'S'}, {unix.S_ISGID, 6, 's', 'S'}, {unix.S_ISVTX, 9, 't', 'T'}} {
		if mode&special.bit == 0 {
			continue
		}
		if text[special.at] == 'x' {
			text[special.at] = special.with
		} else {
			text[special.at] = special.without
		}
	}
	return string(text)
}
