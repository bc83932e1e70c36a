//go:build linux

package sftp

import (
	"encoding/binary"
	"os"
	"strings"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// request holds the fields of one packet. Its type says which of them are set.
type request struct {
	home         string // where relative paths begin
	path, second string
	text         string
	number       uint32 // of a handle
	target       uint32 // of the handle that copy-data writes to
	flags        uint32
	offset, at   uint64
	length       uint64
	data, more   []byte // parts of the packet
	attributes   attributes
}

// method serves one type of request. A malformed packet must have no effect. So read only collects the
// fields, and do is called once all of them have turned out to be there.
type method struct {
	read func(*request, *field.Reader)
	// do carries out the request. If it makes no answer, the answer is the status of the error.
	do func(*Server, *request, *answer) error
}

// methods are those of SFTP itself, by type. The extensions have theirs.
var methods = [...]method{
	typeInit:  {nothing, (*Server).version},
	typeOpen:  {pathFlagsAttributes, (*Server).open},
	typeClose: {handleOnly, func(s *Server, r *request, _ *answer) error { return s.close(r.number) }},
	typeRead:  {handleOffsetLength, (*Server).read},
	typeWrite: {handleOffsetData, (*Server).write},
	typeLstat: {pathOnly, func(_ *Server, r *request, a *answer) error { return a.stat(r.path, unix.Lstat) }},
	typeFstat: {handleOnly, (*Server).statFile},
	typeSetstat: {pathAttributes, func(_ *Server, r *request, _ *answer) error {
		return r.attributes.setPath(r.path, true)
	}},
	typeFsetstat: {handleAttributes, (*Server).setFile},
	typeOpendir:  {pathOnly, (*Server).openFolder},
	typeReaddir:  {handleOnly, (*Server).readFolder},
	typeRemove:   {pathOnly, func(_ *Server, r *request, _ *answer) error { return unix.Unlink(r.path) }},
	typeMkdir: {pathAttributes, func(_ *Server, r *request, _ *answer) error {
		return unix.Mkdir(r.path, r.attributes.mode(0o777))
	}},
	typeRmdir:    {pathOnly, func(_ *Server, r *request, _ *answer) error { return unix.Rmdir(r.path) }},
	typeRealpath: {textOnly, func(s *Server, r *request, a *answer) error { return a.path(s.realPath(r.text)) }},
	typeStat:     {pathOnly, func(_ *Server, r *request, a *answer) error { return a.stat(r.path, unix.Stat) }},
	typeRename:   {twoPaths, func(_ *Server, r *request, _ *answer) error { return rename(r.path, r.second) }},
	typeReadlink: {pathOnly, func(_ *Server, r *request, a *answer) error { return a.path(os.Readlink(r.path)) }},
	// All clients send these two in OpenSSH's order, which is not the draft's.
	typeSymlink: {textPath, func(_ *Server, r *request, _ *answer) error { return unix.Symlink(r.text, r.path) }},
}

// methodFor returns the method for a packet's type. An extension's name is the first field of its packets.
func methodFor(t byte, p *field.Reader) method {
	if t == typeExtended {
		name := p.Text()
		for i := range extensions {
			if extensions[i].name == name {
				return extensions[i].method
			}
		}
	}
	if int(t) < len(methods) && methods[t].do != nil {
		return methods[t]
	}
	return method{nothing, func(*Server, *request, *answer) error { return unix.ENOSYS }}
}

func nothing(*request, *field.Reader) {}

func pathOnly(r *request, p *field.Reader) { r.path = r.readPath(p) }
func twoPaths(r *request, p *field.Reader) { r.path, r.second = r.readPath(p), r.readPath(p) }
func textOnly(r *request, p *field.Reader) { r.text = p.Text() }
func textPath(r *request, p *field.Reader) { r.text, r.path = p.Text(), r.readPath(p) }
func twoLists(r *request, p *field.Reader) { r.data, r.more = p.Bytes(), p.Bytes() }

func pathAttributes(r *request, p *field.Reader) {
	r.path, r.attributes = r.readPath(p), readAttributes(p)
}

func pathFlagsAttributes(r *request, p *field.Reader) {
	r.path, r.flags, r.attributes = r.readPath(p), p.Uint32(), readAttributes(p)
}

func handleOnly(r *request, p *field.Reader) { r.number = readHandle(p) }

func handleAttributes(r *request, p *field.Reader) {
	r.number, r.attributes = readHandle(p), readAttributes(p)
}

func handleOffsetLength(r *request, p *field.Reader) {
	r.number, r.offset, r.length = readHandle(p), p.Uint64(), uint64(p.Uint32())
}

func handleOffsetData(r *request, p *field.Reader) {
	r.number, r.offset, r.data = readHandle(p), p.Uint64(), p.Bytes()
}

func fromAndTo(r *request, p *field.Reader) {
	r.number, r.offset, r.length = readHandle(p), p.Uint64(), p.Uint64()
	r.target, r.at = readHandle(p), p.Uint64()
}

func (r *request) readPath(p *field.Reader) string { return absolute(r.home, p.Text()) }

func absolute(home, path string) string {
	if path == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return strings.TrimSuffix(home, "/") + "/" + path
}

func readHandle(p *field.Reader) uint32 {
	b := p.Bytes()
	if len(b) != 4 {
		return 0 // no handle has this number
	}
	return binary.BigEndian.Uint32(b)
}
