package proxycmd

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// spliceLength is how many bytes one call may move. A pipe seldom holds more.
const spliceLength = 1 << 20

// splice passes everything between a pipe and a TCP connection, in either direction, without copying it into this
// process (splice(2)). It reports false if that is not possible, or stops being possible; pump must then do the
// rest. Otherwise the results are those of pump.
//
// splice(2) holds the pipe's lock while it waits, and ssh in turn waits for that lock: with a blocking socket, a
// session freezes. So nothing here waits inside the call. Go's sockets do not block, and poll waits beforehand until
// the pipe has data or room.
func splice(dst io.Writer, src io.Reader) (done bool, readErr, writeErr error) {
	var conn *net.TCPConn
	var file *os.File
	out := false // towards the pipe
	if c, ok := src.(*net.TCPConn); ok {
		conn, out = c, true
		file, _ = dst.(*os.File)
	} else if c, ok := dst.(*net.TCPConn); ok {
		conn = c
		file, _ = src.(*os.File)
	}
	if conn == nil || file == nil {
		return false, nil, nil
	}
	pipe, err := file.SyscallConn()
	if err != nil {
		return false, nil, nil
	}
	socket, err := conn.SyscallConn()
	if err != nil {
		return false, nil, nil
	}
	var failed error
	err = pipe.Control(func(fd uintptr) {
		if out {
			done, failed = spliceOut(socket, int(fd))
		} else {
			done, failed = spliceIn(int(fd), socket)
		}
	})
	switch {
	case err != nil || !done:
		return false, nil, nil
	case failed == nil:
		return true, nil, nil
	case out && !errors.Is(failed, unix.EPIPE):
		return true, &net.OpError{Op: "read", Net: "tcp", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: failed}, nil
	case out:
		return true, nil, failed
	}
	return true, nil, &net.OpError{Op: "write", Net: "tcp", Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: failed}
}

// spliceOut moves data from a socket into a pipe until the socket ends or either fails.
func spliceOut(socket syscall.RawConn, pipe int) (done bool, err error) {
	return spliceAll(pipe, unix.POLLOUT, socket.Read, func(socket int) (int64, error) {
		return unix.Splice(socket, nil, pipe, nil, spliceLength, unix.SPLICE_F_MOVE)
	})
}

// spliceIn moves data from a pipe into a socket until the pipe ends or the socket fails.
func spliceIn(pipe int, socket syscall.RawConn) (done bool, err error) {
	return spliceAll(pipe, unix.POLLIN, socket.Write, func(socket int) (int64, error) {
		return unix.Splice(pipe, nil, socket, nil, spliceLength, unix.SPLICE_F_MOVE)
	})
}

// spliceAll calls move each time the pipe is ready, and again once the socket is ready if it was not.
func spliceAll(pipe int, ready int16, whenReady func(func(fd uintptr) bool) error, move func(socket int) (int64, error)) (done bool, err error) {
	var n int64
	once := func(fd uintptr) bool {
		for {
			if n, err = move(int(fd)); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	}
	for {
		if err := poll(pipe, ready); err != nil {
			return false, nil
		}
		if closed := whenReady(once); closed != nil {
			return true, closed
		}
		switch {
		case err == unix.EINVAL || err == unix.ENOSYS || err == unix.EPERM:
			return false, nil
		case err != nil:
			return true, os.NewSyscallError("splice", err)
		case n == 0:
			return true, nil
		}
	}
}

// poll waits until a descriptor is ready or broken; if it is broken, the next call will return the error.
func poll(fd int, events int16) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
