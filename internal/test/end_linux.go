package test

import (
	"os/exec"
	"syscall"
)

// EndsWithTests makes a program end when the tests' process does, however that ends. It is for a program that runs
// until a test ends it. A program that runs under another account loses this.
func EndsWithTests(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
}
