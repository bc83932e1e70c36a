//go:build linux

package sftp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strings"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// How a file is opened (section 6.3).
const (
	openRead     = 1 << 0
	openWrite    = 1 << 1
	openAppend   = 1 << 2
	openCreate   = 1 << 3
	openTruncate = 1 << 4
	openNew      = 1 << 5
)

func (s *Server) open(r *request, a *answer) error {
	if len(s.handles) >= maxHandles {
		return unix.EMFILE
	}
	mode := unix.O_CLOEXEC | unix.O_NOCTTY
	switch r.flags & (openRead | openWrite) {
	case openRead | openWrite:
		mode |= unix.O_RDWR
	case openWrite:
		mode |= unix.O_WRONLY
	}
	for flag, means := range map[uint32]int{
		openAppend: unix.O_APPEND, openCreate: unix.O_CREAT, openTruncate: unix.O_TRUNC, openNew: unix.O_EXCL,
	} {
		if r.flags&flag != 0 {
			mode |= means
		}
	}
	fd, err := again(func() (int, error) { return unix.Open(r.path, mode, r.attributes.mode(0o666)) })
	if err != nil {
		return err
	}
	s.add(a, &handle{fd: fd, appends: r.flags&openAppend != 0})
	return nil
}

// again repeats what a signal interrupted.
func again(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

func (s *Server) read(r *request, a *answer) error {
	h := s.handles[r.number]
	if h == nil || h.folder != nil {
		return errNoHandle
	}
	if r.offset > math.MaxInt64 {
		return unix.EINVAL
	}
	a.begin(typeData)
	a.packet = append(a.packet, 0, 0, 0, 0)
	start := len(a.packet)
	size := int(min(r.length, maxData))
	if cap(a.packet)-start < size {
		a.packet = append(make([]byte, 0, start+size), a.packet...)
	}
	got, err := again(func() (int, error) {
		return unix.Pread(h.fd, a.packet[start:start+size], int64(r.offset))
	})
	if err != nil {
		return err
	}
	if got == 0 && size > 0 { // whoever asks for nothing gets nothing, even at the end
		return io.EOF
	}
	binary.BigEndian.PutUint32(a.packet[start-4:], uint32(got))
	a.packet = a.packet[:start+got]
	a.finish()
	return nil
}

func (s *Server) write(r *request, _ *answer) error {
	h := s.handles[r.number]
	if h == nil || h.folder != nil {
		return errNoHandle
	}
	if r.offset > math.MaxInt64-maxPacket {
		return unix.EINVAL
	}
	return h.writeAt(r.data, int64(r.offset))
}

func (h *handle) writeAt(data []byte, offset int64) error {
	for len(data) > 0 {
		n, err := again(func() (int, error) {
			if h.appends {
				return unix.Write(h.fd, data)
			}
			return unix.Pwrite(h.fd, data, offset)
		})
		if err != nil {
			return err
		}
		if n == 0 { // a faulty file system, which would go on like this for ever
			return io.ErrShortWrite
		}
		data = data[n:]
		offset += int64(n)
	}
	return nil
}

func (s *Server) statFile(r *request, a *answer) error {
	fd, err := s.fd(r.number)
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	return a.attributes(&stat, err)
}

func (s *Server) setFile(r *request, _ *answer) error {
	fd, err := s.fd(r.number)
	if err != nil {
		return err
	}
	return r.attributes.setFile(fd)
}

func (s *Server) openFolder(r *request, a *answer) error {
	if len(s.handles) >= maxHandles {
		return unix.EMFILE
	}
	folder, err := os.OpenFile(r.path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	s.add(a, &handle{folder: folder})
	return nil
}

// maxNames is how many names one answer holds, with their attributes. Even the longest fit into a packet.
const maxNames = 100

func (s *Server) readFolder(r *request, a *answer) error {
	h := s.handles[r.number]
	if h == nil || h.folder == nil {
		return errNoHandle
	}
	fd, err := s.fd(r.number)
	if err != nil {
		return err
	}
	a.begin(typeName)
	at := len(a.packet)
	a.packet = append(a.packet, 0, 0, 0, 0)
	told := 0
	for told == 0 {
		names, err := h.folder.Readdirnames(maxNames)
		if err != nil && err != io.EOF {
			return err
		}
		if !h.dotsTold {
			h.dotsTold = true
			names = append([]string{".", ".."}, names...)
		}
		if len(names) == 0 {
			return io.EOF
		}
		for _, name := range names {
			var stat unix.Stat_t
			if unix.Fstatat(fd, name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // it is gone by now
			}
			a.packet = field.AppendText(field.AppendText(a.packet, name), long(name, &stat, &s.ids))
			a.packet = appendAttributes(a.packet, &stat)
			told++
		}
	}
	binary.BigEndian.PutUint32(a.packet[at:], uint32(told))
	a.finish()
	return nil
}

// rename renames a file, unless one with the new name exists (section 6.5).
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // NFS and most of FUSE cannot do that
		return renameByLink(from, to)
	}
	return err
}

// renameByLink renames a file where the system cannot refuse to replace another one. It adds the new name and
// then removes the old one, because a hard link replaces nothing: of several clients that choose one new
// name, only one succeeds. It cannot promise that for a folder, which replaces nothing but an empty folder,
// nor where the file system has no hard links.
func renameByLink(from, to string) error {
	switch err := unix.Link(from, to); err {
	case nil:
		if err := unix.Unlink(from); err != nil {
			unix.Unlink(to)
			return err
		}
		return nil
	case unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMLINK, unix.EXDEV:
	default:
		return err
	}
	var stat unix.Stat_t
	switch err := unix.Lstat(to, &stat); err {
	case nil:
		return unix.EEXIST
	case unix.ENOENT:
		return unix.Rename(from, to)
	default:
		return err
	}
}

// maxLinks is how many links Linux follows in one path. OpenSSH's server follows 33 or 41, depending on its C library.
const maxLinks = 40

// realPath returns a path without links, as OpenSSH's server does: all parts must exist but the last, whether it is
// the path's own or that of a link's target. A slash after a file is no error.
func (s *Server) realPath(path string) (string, error) {
	if path == "" {
		path = "."
	}
	if strings.ContainsRune(path, 0) {
		return "", unix.EINVAL
	}
	real, links := "", 0 // the root is empty until the end
	for left := absolute(s.home, path); left != ""; {
		part, rest, more := strings.Cut(left, "/")
		left = rest
		switch part {
		case "", ".":
			continue
		case "..":
			real = real[:max(0, strings.LastIndexByte(real, '/'))]
			continue
		}
		next := real + "/" + part
		info, err := os.Lstat(next)
		if errors.Is(err, unix.ENOENT) && !more {
			return next, nil
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			real = next
			continue
		}
		if links++; links > maxLinks {
			return "", unix.ELOOP
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			real = ""
		}
		if left = target; more {
			left += "/" + rest
		}
	}
	return cmp.Or(real, "/"), nil
}
