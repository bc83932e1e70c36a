package login

import (
	"os/exec"
	"syscall"
)

// endWithUs makes a command end when this process does, however that ends. An ssh that has not opened its back
// channel when we are killed would wait forever for somebody to read it.
func endWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
}
