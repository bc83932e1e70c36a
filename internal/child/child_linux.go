// Package child ties the programs that a process starts to that process.
package child

import (
	"os/exec"
	"syscall"
)

// EndWithParent makes a program that has not started yet end when this process does, however that ends: the kernel
// sends it SIGTERM (PR_SET_PDEATHSIG in prctl(2)). A program that runs as another account loses this.
func EndWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
}
