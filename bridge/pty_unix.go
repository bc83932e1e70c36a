//go:build unix

package bridge

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const haveTerminals = true

// controller is our end of a pseudo-terminal.
type controller struct{ file *os.File }

// startInTerminal starts a command as the leader of a session that has a new pseudo-terminal.
func startInTerminal(cmd *exec.Cmd, size windowSize) (*controller, error) {
	file, terminal, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	defer terminal.Close()
	pty.Setsize(file, size.native())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		file.Close()
		return nil, err
	}
	return &controller{file}, nil
}

// openTerminal opens both ends of a new pseudo-terminal.
var openTerminal = pty.Open

// resize sets the terminal's size. The kernel tells ssh.
func (c *controller) resize(size windowSize) { pty.Setsize(c.file, size.native()) }

func (s windowSize) native() *pty.Winsize {
	return &pty.Winsize{Cols: uint16(s.Columns), Rows: uint16(s.Rows), X: uint16(s.Width), Y: uint16(s.Height)}
}

// awaitRaw waits until ssh has made the terminal raw, which it does as soon as its session is open. It reports
// whether that happened before ctx was done.
func (c *controller) awaitRaw(ctx context.Context) bool {
	// Nothing announces the change.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		raw := false
		conn, err := c.file.SyscallConn()
		if err == nil {
			err = conn.Control(func(fd uintptr) {
				modes, err := unix.IoctlGetTermios(int(fd), ioctlReadTermios)
				raw = err == nil && modes.Lflag&(unix.ICANON|unix.ECHO) == 0
			})
		}
		if err != nil || raw {
			return raw
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}
