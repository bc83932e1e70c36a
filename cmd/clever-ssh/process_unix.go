//go:build unix

package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoreSignals ignores SIGPIPE and SIGTTOU. ssh has reset SIGPIPE to its default, with which a Go program
// would die when its stdout goes away. With SIGTTOU ignored, a message may go to the terminal from the
// background.
func ignoreSignals() { signal.Ignore(syscall.SIGPIPE, syscall.SIGTTOU) }

// prepareHelper prepares a process that an SSH client starts. Besides ignoreSignals, it closes files that the client
// left open by mistake: libssh leaves open the other end of the pair that is our stdin, which then never ends.
func prepareHelper() {
	ignoreSignals()
	open, _ := os.ReadDir("/dev/fd") // if this shows nothing, nothing is closed
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		// exec closes all of the Go runtime's own files, so no child inherits them.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// leaveSession takes the process out of its terminal's session: a persisted master's connection must outlive
// the window that it was started from. A process that leads a group cannot leave, and need not: a person
// started it.
func leaveSession() { syscall.Setsid() }

// leaveStderr puts /dev/null in place of stderr, so that nobody waits for its end.
func leaveStderr() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		unix.Dup2(int(null.Fd()), syscall.Stderr)
		null.Close()
	}
}

func openTerminal() (*os.File, error) {
	return os.OpenFile("/dev/tty", os.O_WRONLY, 0)
}

// isNull reports whether f is /dev/null.
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
