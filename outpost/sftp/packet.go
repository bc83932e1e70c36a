//go:build linux

package sftp

import (
	"encoding/binary"
	"errors"
)

// The types of packets (draft-ietf-secsh-filexfer-02, section 3).
const (
	typeInit     = 1
	typeVersion  = 2
	typeOpen     = 3
	typeClose    = 4
	typeRead     = 5
	typeWrite    = 6
	typeLstat    = 7
	typeFstat    = 8
	typeSetstat  = 9
	typeFsetstat = 10
	typeOpendir  = 11
	typeReaddir  = 12
	typeRemove   = 13
	typeMkdir    = 14
	typeRmdir    = 15
	typeRealpath = 16
	typeStat     = 17
	typeRename   = 18
	typeReadlink = 19
	typeSymlink  = 20

	typeStatus = 101
	typeHandle = 102
	typeData   = 103
	typeName   = 104
	typeAttrs  = 105

	typeExtended      = 200
	typeExtendedReply = 201
)

const (
	// maxPacket is the most that a packet may hold in either direction, as with OpenSSH.
	maxPacket = 256 << 10
	// maxData is the most that is read or written by one request.
	maxData = maxPacket - 1024
)

// errMalformed ends the session: there is no telling where the next packet begins, or what the client meant.
var errMalformed = errors.New("malformed packet")

// parser takes a packet apart. After the first thing that is missing, all is empty.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) take(n int) []byte {
	if p.failed || n > len(p.rest) {
		p.failed, p.rest = true, nil
		return nil
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *parser) number() uint32 {
	if b := p.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (p *parser) long() uint64 {
	if b := p.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (p *parser) bytes() []byte {
	n := p.number()
	if uint64(n) > uint64(len(p.rest)) {
		p.failed, p.rest = true, nil
		return nil
	}
	return p.take(int(n))
}

func (p *parser) text() string { return string(p.bytes()) }

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}
