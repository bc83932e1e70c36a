package proxycmd

import (
	"bytes"
	"fmt"
	"net"
)

// Traffic classes as a byte of the IP header: types of service (RFC 1349) and differentiated services code points
// (RFC 2474, section 3).
const (
	classLowDelay   = 0x10
	classThroughput = 0x08

	classAF21 = 0x12 << 2
	classCS1  = 0x08 << 2
	classEF   = 0x2e << 2
)

// mark gives a connection the traffic class that OpenSSH gives its own socket (ssh_config(5), IPQoS) and cannot give
// a pipe. The classes are OpenSSH's defaults, which changed with 10.1. Debian and Ubuntu kept those from before 7.8;
// Debian's 10.0, as of 10.0p1-7+deb13u3, has the new one for interactive sessions. Other clients mark nothing. A
// failure does no harm.
func mark(conn *net.TCPConn, clientIdentification []byte, interactive bool) {
	version, ok := bytes.CutPrefix(clientIdentification, []byte("SSH-2.0-OpenSSH_"))
	var major, minor int
	if n, _ := fmt.Sscanf(string(version), "%d.%d", &major, &minor); !ok || n != 2 {
		return
	}
	modern := major > 10 || (major == 10 && minor >= 1)
	debian, ubuntu := bytes.Contains(version, []byte(" Debian-")), bytes.Contains(version, []byte(" Ubuntu-"))
	switch kept := (debian && major < 10) || (ubuntu && !modern); {
	case kept && interactive:
		setClass(conn, classLowDelay)
	case kept:
		setClass(conn, classThroughput)
	case (modern || debian) && interactive:
		setClass(conn, classEF)
	case modern: // the system's default
	case interactive:
		setClass(conn, classAF21)
	default:
		setClass(conn, classCS1)
	}
}
