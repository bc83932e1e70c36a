//go:build unix

package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepareProcess ignores SIGPIPE, which ssh has reset to its default and of which a Go program dies when its stdout
// goes away, and SIGTTOU, so that a message may go to the terminal from the background. It closes what a caller has left open
// by mistake: libssh leaves its own end of the pair that our stdin is the other end of, which then never ends.
func prepareProcess() {
	signal.Ignore(syscall.SIGPIPE, syscall.SIGTTOU)
	open, _ := os.ReadDir("/dev/fd") // where this shows nothing, nothing is closed
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		// The Go runtime's own are all closed by exec, so none of them is inherited.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// leaveSession takes the process out of its terminal's session: a persisted master's connection must outlive the
// window that it was started from. A process that leads a group cannot leave, and need not: it was started by hand.
func leaveSession() { syscall.Setsid() }

func openTerminal() (*os.File, error) {
	return os.OpenFile("/dev/tty", os.O_WRONLY, 0)
}

// isNull tells whether f is /dev/null.
func isNull(f *os.File) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(os.DevNull)
	if errA != nil || errB != nil {
		return false
	}
	x, okX := a.Sys().(*syscall.Stat_t)
	y, okY := b.Sys().(*syscall.Stat_t)
	return okX && okY && a.Mode()&os.ModeCharDevice != 0 && x.Rdev == y.Rdev
}
