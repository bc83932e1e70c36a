package test

import (
	"fmt"
	"os"
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

// Ended reports whether a process has ended. One that nobody has waited for yet counts as ended.
func Ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // see proc_pid_stat(5)
	var number int
	var name, state string
	fmt.Sscan(string(stat), &number, &name, &state)
	return os.IsNotExist(err) || state == "Z"
}
