package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// inBackground lets a command outlive this process and its console. The command gets a console without a
// window, which also serves the ssh that it starts.
func inBackground(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
}
