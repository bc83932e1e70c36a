//go:build linux

package sftp

import (
	"encoding/binary"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// answer is the answer to one request.
type answer struct {
	id     uint32
	packet []byte // empty until there is an answer
}

// begin begins an answer of type t, instead of what was begun before.
func (a *answer) begin(t byte) {
	a.packet = append(a.packet[:0], 0, 0, 0, 0, t)
	a.packet = binary.BigEndian.AppendUint32(a.packet, a.id)
}

func (a *answer) finish() { binary.BigEndian.PutUint32(a.packet, uint32(len(a.packet)-4)) }

// status answers a request that has no other answer, with how it ended.
func (a *answer) status(err error) {
	code, text := statusOf(err)
	a.begin(typeStatus)
	a.packet = binary.BigEndian.AppendUint32(a.packet, code)
	a.packet = field.AppendText(field.AppendText(a.packet, text), "")
	a.finish()
}

// stat answers with the attributes of what a path leads to. call is unix.Stat or unix.Lstat.
func (a *answer) stat(path string, call func(string, *unix.Stat_t) error) error {
	var stat unix.Stat_t
	err := call(path, &stat)
	return a.attributes(&stat, err)
}

func (a *answer) attributes(stat *unix.Stat_t, err error) error {
	if err != nil {
		return err
	}
	a.begin(typeAttrs)
	a.packet = appendAttributes(a.packet, stat)
	a.finish()
	return nil
}

// path answers with a path, and with empty attributes.
func (a *answer) path(path string, err error) error {
	if err != nil {
		return err
	}
	a.begin(typeName)
	a.packet = binary.BigEndian.AppendUint32(a.packet, 1)
	a.packet = field.AppendText(field.AppendText(a.packet, path), path)
	a.packet = binary.BigEndian.AppendUint32(a.packet, 0)
	a.finish()
	return nil
}

// fileSystem answers with what df shows.
func (a *answer) fileSystem(stat *unix.Statfs_t, err error) error {
	if err != nil {
		return err
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
		uint64(stat.Bsize), fragment, stat.Blocks, stat.Bfree, stat.Bavail, stat.Files, stat.Ffree, stat.Ffree,
		id, flags, uint64(stat.Namelen),
	} {
		a.packet = binary.BigEndian.AppendUint64(a.packet, n)
	}
	a.finish()
	return nil
}
