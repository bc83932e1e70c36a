package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// inBackground has a command outlive this process and its console. Its own has no window, and is for the ssh that it starts, too.
func inBackground(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
}
