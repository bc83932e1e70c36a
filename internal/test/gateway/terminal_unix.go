//go:build unix

package gateway

import (
	"fmt"
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal of the given size.
func openTerminal(size windowSize) (*terminal, error) {
	controller, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer controller.Close()
	// pty.Open leaves the controller blocking. Closing it would then wait for a read in progress, and no hang-up
	// would ever happen. A copy that Go knows to be non-blocking is polled, and closes at once.
	fd, err := unix.FcntlInt(controller.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		tty.Close()
		return nil, fmt.Errorf("duplicating the terminal: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		tty.Close()
		return nil, fmt.Errorf("making the terminal non-blocking: %w", err)
	}
	t := &terminal{controller: os.NewFile(uintptr(fd), controller.Name()), tty: tty}
	if err := t.resize(size); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// resize tells the terminal its new size; whatever is in its foreground gets SIGWINCH.
func (t *terminal) resize(size windowSize) error {
	// The kernel has 16 bits for each.
	short := func(n uint32) uint16 { return uint16(min(n, 1<<16-1)) }
	return t.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{
			Row: short(size.Rows), Col: short(size.Columns), Xpixel: short(size.Width), Ypixel: short(size.Height),
		})
	})
}

// foreground returns the process group that has the terminal.
func (t *terminal) foreground() (group int, err error) {
	err = t.control(func(fd int) error {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return group, err
}

// control calls f with the controller's file descriptor, or returns an error if it is closed.
func (t *terminal) control(f func(fd int) error) error {
	conn, err := t.controller.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
