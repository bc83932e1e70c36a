package login

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// leaveTerminal keeps this console's Ctrl-C from a command. It can still ask there.
func leaveTerminal(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
