//go:build linux

package sftp

import "errors"

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
