//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inBackground lets a command outlive this process and its terminal.
func inBackground(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
