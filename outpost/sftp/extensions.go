//go:build linux

package sftp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// extensions are announced in this order, as by OpenSSH's server.
var extensions = [...]struct {
	name, version string
	method
}{
	{"posix-rename@openssh.com", "1", method{twoPaths, func(_ *Server, r *request, _ *answer) error {
		return unix.Rename(r.path, r.second)
	}}},
	{"statvfs@openssh.com", "2", method{pathOnly, (*Server).fileSystem}},
	{"fstatvfs@openssh.com", "2", method{handleOnly, (*Server).fileSystemOfFile}},
	{"hardlink@openssh.com", "1", method{twoPaths, func(_ *Server, r *request, _ *answer) error {
		return unix.Link(r.path, r.second)
	}}},
	{"fsync@openssh.com", "1", method{handleOnly, (*Server).sync}},
	{"lsetstat@openssh.com", "1", method{pathAttributes, func(_ *Server, r *request, _ *answer) error {
		return r.attributes.setPath(r.path, false)
	}}},
	{"limits@openssh.com", "1", method{nothing, (*Server).limits}},
	{"expand-path@openssh.com", "1", method{textOnly, func(s *Server, r *request, a *answer) error {
		return a.path(s.expand(r.text))
	}}},
	{"copy-data", "1", method{fromAndTo, (*Server).copy}},
	{"home-directory", "1", method{textOnly, (*Server).homeFolder}},
	{"users-groups-by-id@openssh.com", "1", method{twoLists, (*Server).usersAndGroups}},
}

func (s *Server) fileSystem(r *request, a *answer) error {
	var stat unix.Statfs_t
	err := unix.Statfs(r.path, &stat)
	return a.fileSystem(&stat, err)
}

func (s *Server) fileSystemOfFile(r *request, a *answer) error {
	fd, err := s.fd(r.number)
	if err != nil {
		return err
	}
	var stat unix.Statfs_t
	err = unix.Fstatfs(fd, &stat)
	return a.fileSystem(&stat, err)
}

func (s *Server) sync(r *request, _ *answer) error {
	fd, err := s.fd(r.number)
	if err == errNoHandle {
		return unix.ENOENT
	}
	if err != nil {
		return err
	}
	return unix.Fsync(fd)
}

func (s *Server) limits(_ *request, a *answer) error {
	a.begin(typeExtendedReply)
	for _, n := range []uint64{maxPacket, maxData, maxData, maxHandles} {
		a.packet = binary.BigEndian.AppendUint64(a.packet, n)
	}
	a.finish()
	return nil
}

func (s *Server) homeFolder(r *request, a *answer) error {
	folder := s.home
	if r.text != "" {
		folder = home(r.text)
	}
	if folder == "" {
		return unix.ENOENT
	}
	return a.path(folder, nil)
}

func (s *Server) usersAndGroups(r *request, a *answer) error {
	a.begin(typeExtendedReply)
	a.packet = field.AppendText(a.packet, nameAll(r.data, s.ids.user))
	a.packet = field.AppendText(a.packet, nameAll(r.more, s.ids.group))
	if len(a.packet) > maxPacket {
		return unix.E2BIG
	}
	a.finish()
	return nil
}

// nameAll returns the names of numbers that are packed one after the other. The name of an unknown
// number is empty.
func nameAll(numbers []byte, name func(uint32) string) string {
	var b []byte
	for ; len(numbers) >= 4; numbers = numbers[4:] {
		text := name(binary.BigEndian.Uint32(numbers))
		if strings.Trim(text, "0123456789") == "" {
			text = ""
		}
		b = field.AppendText(b, text)
	}
	return string(b)
}

// expand returns the real path of a path that may begin with ~ or ~name.
func (s *Server) expand(path string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return s.realPath(path)
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	folder := s.home
	if name != "" {
		if folder = home(name); folder == "" {
			return "", unix.ENOENT
		}
	}
	return s.realPath(folder + "/" + rest)
}

var errSameFile = errors.New("a file cannot be copied to itself") // it might grow for ever

func sameFile(one, other int) (bool, error) {
	var a, b unix.Stat_t
	if err := cmp.Or(unix.Fstat(one, &a), unix.Fstat(other, &b)); err != nil {
		return false, err
	}
	return a.Dev == b.Dev && a.Ino == b.Ino, nil
}

// copy copies bytes from one file to another: as many as the client asked for, or all of them if that is 0.
func (s *Server) copy(r *request, _ *answer) error {
	source, target := s.handles[r.number], s.handles[r.target]
	if source == nil || target == nil || source.folder != nil || target.folder != nil {
		return errNoHandle
	}
	offset, at, n := r.offset, r.at, r.length
	if offset > math.MaxInt64/2 || at > math.MaxInt64/2 || n > math.MaxInt64/2 {
		return unix.EINVAL
	}
	if same, err := sameFile(source.fd, target.fd); same || err != nil {
		return cmp.Or(err, errSameFile)
	}
	if n == 0 {
		n = math.MaxUint64
	}
	if s.data == nil {
		s.data = make([]byte, 64<<10)
	}
	for n > 0 && !s.closing.Load() {
		got, err := again(func() (int, error) {
			return unix.Pread(source.fd, s.data[:min(n, uint64(len(s.data)))], int64(offset))
		})
		if err != nil || got == 0 {
			return err
		}
		if err := target.writeAt(s.data[:got], int64(at)); err != nil {
			return err
		}
		offset, at, n = offset+uint64(got), at+uint64(got), n-uint64(got)
	}
	return nil
}
