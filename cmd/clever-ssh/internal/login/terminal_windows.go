package login

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// leaveTerminal keeps this console's Ctrl-C away from a command, which can still ask questions there.
func leaveTerminal(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
