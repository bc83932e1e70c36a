//go:build linux

package sftp

import (
	"encoding/binary"
	"math"
	"strings"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// The server announces extensionNames in this order, as OpenSSH's does.
var extensionNames = []string{
	"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com", "fsync@openssh.com",
	"lsetstat@openssh.com", "limits@openssh.com", "expand-path@openssh.com", "copy-data", "home-directory",
	"users-groups-by-id@openssh.com",
}

var extensionVersions = map[string]string{
	"posix-rename@openssh.com": "1", "statvfs@openssh.com": "2", "fstatvfs@openssh.com": "2", "hardlink@openssh.com": "1",
	"fsync@openssh.com": "1", "lsetstat@openssh.com": "1", "limits@openssh.com": "1", "expand-path@openssh.com": "1",
	"copy-data": "1", "home-directory": "1", "users-groups-by-id@openssh.com": "1",
}

// extended does what an extension asks for.
func (s *Server) extended(name string, p *field.Reader, a *answer) {
	switch name {
	case "posix-rename@openssh.com":
		from, to := s.path(p), s.path(p)
		if !p.Failed() {
			a.status(unix.Rename(from, to))
		}
	case "hardlink@openssh.com":
		from, to := s.path(p), s.path(p)
		if !p.Failed() {
			a.status(unix.Link(from, to))
		}
	case "statvfs@openssh.com":
		path := s.path(p)
		if p.Failed() {
			return
		}
		var stat unix.Statfs_t
		a.fileSystem(&stat, unix.Statfs(path, &stat))
	case "fstatvfs@openssh.com":
		number := readHandle(p)
		if p.Failed() {
			return
		}
		var stat unix.Statfs_t
		fd, err := s.fd(number)
		if err == nil {
			err = unix.Fstatfs(fd, &stat)
		}
		a.fileSystem(&stat, err)
	case "fsync@openssh.com":
		number := readHandle(p)
		if p.Failed() {
			return
		}
		fd, err := s.fd(number)
		if err == nil {
			err = unix.Fsync(fd)
		}
		a.status(err)
	case "lsetstat@openssh.com":
		path, attributes := s.path(p), readAttributes(p)
		if !p.Failed() {
			a.status(attributes.setPath(path, false))
		}
	case "limits@openssh.com":
		a.begin(typeExtendedReply)
		for _, n := range []uint64{maxPacket, maxData, maxData, maxHandles} {
			a.packet = binary.BigEndian.AppendUint64(a.packet, n)
		}
		a.finish()
	case "expand-path@openssh.com":
		path := p.Text()
		if !p.Failed() {
			a.path(s.expand(path))
		}
	case "home-directory":
		name := p.Text()
		if p.Failed() {
			return
		}
		folder := s.home
		if name != "" {
			folder = home(name)
		}
		if folder == "" {
			a.status(unix.ENOENT)
			return
		}
		a.path(folder, nil)
	case "users-groups-by-id@openssh.com":
		users, groups := p.Bytes(), p.Bytes()
		if p.Failed() {
			return
		}
		a.begin(typeExtendedReply)
		a.packet = field.AppendText(a.packet, nameAll(users, s.ids.user))
		a.packet = field.AppendText(a.packet, nameAll(groups, s.ids.group))
		if len(a.packet) > maxPacket {
			a.status(unix.E2BIG)
			return
		}
		a.finish()
	case "copy-data":
		from, offset, n, to, at := readHandle(p), p.Uint64(), p.Uint64(), readHandle(p), p.Uint64()
		if !p.Failed() {
			a.status(s.copy(from, offset, n, to, at))
		}
	default:
		a.status(unix.ENOSYS)
	}
}

// fileSystem answers with what df shows.
func (a *answer) fileSystem(stat *unix.Statfs_t, err error) {
	if err != nil {
		a.status(err)
		return
	}
	const readOnly, noSetuid = 1, 2
	flags := uint64(0)
	if stat.Flags&unix.ST_RDONLY != 0 {
		flags |= readOnly
	}
	if stat.Flags&unix.ST_NOSUID != 0 {
		flags |= noSetuid
	}
	fragment := uint64(stat.Frsize)
	if fragment == 0 {
		fragment = uint64(stat.Bsize)
	}
	id := uint64(uint32(stat.Fsid.Val[0])) | uint64(uint32(stat.Fsid.Val[1]))<<32
	a.begin(typeExtendedReply)
	for _, n := range []uint64{
		uint64(stat.Bsize), fragment, stat.Blocks, stat.Bfree, stat.Bavail, stat.Files, stat.Ffree, stat.Ffree, id, flags,
		uint64(stat.Namelen),
	} {
		a.packet = binary.BigEndian.AppendUint64(a.packet, n)
	}
	a.finish()
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

// copy copies n bytes from one file to another, or everything if n is 0.
func (s *Server) copy(from uint32, offset, n uint64, to uint32, at uint64) error {
	source, target := s.handles[from], s.handles[to]
	if source == nil || target == nil || source.folder != nil || target.folder != nil {
		return unix.EBADF
	}
	if offset > math.MaxInt64/2 || at > math.MaxInt64/2 || n > math.MaxInt64/2 || from == to {
		return unix.EINVAL
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
