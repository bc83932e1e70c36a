//go:build unix

package login

import (
	"os/exec"
	"syscall"
)

// leaveTerminal makes a command run without this process's terminal.
func leaveTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
