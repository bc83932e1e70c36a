//go:build linux

package sftp

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoHandle refuses a request with a handle that the server has not given, or not for this kind of request.
// OpenSSH's server calls that a failure, except when a file is closed or synced: then there is no such file.
var errNoHandle = errors.New("no such handle")

// statusOf returns what a client is told about an error, in OpenSSH's words.
func statusOf(err error) (code uint32, text string) {
	if err == nil {
		return statusOK, "Success"
	}
	if err == io.EOF {
		return statusEOF, "End of file"
	}
	var number syscall.Errno
	if !errors.As(err, &number) {
		return statusFailure, err.Error()
	}
	switch number {
	case unix.ENOENT, unix.ENOTDIR, unix.EBADF, unix.ELOOP:
		return statusNoSuchFile, "No such file"
	case unix.EPERM, unix.EACCES, unix.EFAULT:
		return statusDenied, "Permission denied"
	case unix.ENAMETOOLONG, unix.EINVAL:
		return statusBadMessage, "Bad message"
	case unix.ENOSYS:
		return statusUnsupported, "Operation unsupported"
	}
	return statusFailure, number.Error()
}
