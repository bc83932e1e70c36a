//go:build unix

package proxycmd

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// watchReader closes gone when nobody reads from the other end of a pipe any longer. A write would show that, but
// there may be nothing to write.
func watchReader(w io.Writer) (gone <-chan struct{}, stop func()) {
	file, ok := w.(*os.File)
	if !ok {
		return nil, func() {}
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, func() {}
	}
	awake, wake, err := os.Pipe()
	if err != nil {
		return nil, func() {}
	}
	broken, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer awake.Close()
		raw.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(awake.Fd()), Events: unix.POLLIN}}
			for {
				if _, err := unix.Poll(fds, -1); err != unix.EINTR {
					break
				}
			}
			if fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				close(broken)
			}
		})
	}()
	return broken, func() { wake.Close(); <-stopped }
}
