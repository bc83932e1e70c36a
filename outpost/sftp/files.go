//go:build linux

package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
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

func (s *Server) open(a *answer, path string, flags uint32, attributes attributes) {
	if len(s.handles) >= maxHandles {
		a.status(unix.EMFILE)
		return
	}
	mode := unix.O_CLOEXEC | unix.O_NOCTTY
	switch flags & (openRead | openWrite) {
	case openRead | openWrite:
		mode |= unix.O_RDWR
	case openWrite:
		mode |= unix.O_WRONLY
	}
	for flag, means := range map[uint32]int{
		openAppend: unix.O_APPEND, openCreate: unix.O_CREAT, openTruncate: unix.O_TRUNC, openNew: unix.O_EXCL,
	} {
		if flags&flag != 0 {
			mode |= means
		}
	}
	fd, err := again(func() (int, error) { return unix.Open(path, mode, attributes.mode(0o666)) })
	if err != nil {
		a.status(err)
		return
	}
	s.add(a, &handle{fd: fd, appends: flags&openAppend != 0})
}

// again repeats what a signal interrupted.
func again(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}

func (s *Server) read(a *answer, number uint32, offset uint64, n uint32) {
	h := s.handles[number]
	if h == nil || h.folder != nil {
		a.status(unix.EBADF)
		return
	}
	if offset > math.MaxInt64 {
		a.status(unix.EINVAL)
		return
	}
	a.begin(typeData)
	a.packet = append(a.packet, 0, 0, 0, 0)
	start := len(a.packet)
	size := int(min(n, maxData))
	if cap(a.packet)-start < size {
		a.packet = append(make([]byte, 0, start+size), a.packet...)
	}
	got, err := again(func() (int, error) { return unix.Pread(h.fd, a.packet[start:start+size], int64(offset)) })
	switch {
	case err != nil:
		a.status(err)
	case got == 0:
		a.end()
	default:
		binary.BigEndian.PutUint32(a.packet[start-4:], uint32(got))
		a.packet = a.packet[:start+got]
		a.finish()
	}
}

func (s *Server) write(number uint32, offset uint64, data []byte) error {
	h := s.handles[number]
	if h == nil || h.folder != nil {
		return unix.EBADF
	}
	if offset > math.MaxInt64-maxPacket {
		return unix.EINVAL
	}
	return h.writeAt(data, int64(offset))
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
		data = data[n:]
		offset += int64(n)
	}
	return nil
}

func (s *Server) stat(a *answer, path string, follow bool) {
	var stat unix.Stat_t
	call := unix.Lstat
	if follow {
		call = unix.Stat
	}
	a.attributes(&stat, call(path, &stat))
}

func (s *Server) openFolder(a *answer, path string) {
	if len(s.handles) >= maxHandles {
		a.status(unix.EMFILE)
		return
	}
	folder, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		a.status(err)
		return
	}
	s.add(a, &handle{folder: folder})
}

// maxNames is how many names one answer holds, with their attributes. Even the longest fit into a packet.
const maxNames = 100

func (s *Server) readFolder(a *answer, number uint32) {
	h := s.handles[number]
	if h == nil || h.folder == nil {
		a.status(unix.EBADF)
		return
	}
	fd, err := s.fd(number)
	if err != nil {
		a.status(err)
		return
	}
	a.begin(typeName)
	at := len(a.packet)
	a.packet = append(a.packet, 0, 0, 0, 0)
	told := 0
	for told == 0 {
		names, err := h.folder.Readdirnames(maxNames)
		if err != nil && err != io.EOF {
			a.status(err)
			return
		}
		if !h.dotsTold {
			h.dotsTold = true
			names = append([]string{".", ".."}, names...)
		}
		if len(names) == 0 {
			a.end()
			return
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

// realPath returns a path without links. All but its last part must exist.
func (s *Server) realPath(path string) (string, error) {
	if path == "" {
		path = "."
	}
	path = s.absolute(path)
	if strings.ContainsRune(path, 0) {
		return "", unix.EINVAL
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, os.ErrNotExist) {
		return real, err
	}
	path = strings.TrimRight(path, "/")
	slash := strings.LastIndexByte(path, '/')
	last := path[slash+1:]
	if slash < 0 || last == "" || last == "." || last == ".." {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(path[:slash+1])
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, last), nil
}
