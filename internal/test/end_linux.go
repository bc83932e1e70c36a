package test

import (
	"os/exec"
	"syscall"
)

// EndsWithTests has a program end when the process of the tests does, however that ends. It is for a program that runs until a test ends
// it; one that another account runs forgets it.
func EndsWithTests(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
}
