package test

import (
	"fmt"
	"os"
)

// Ended reports whether a process has ended. One that nobody has waited for yet counts as ended.
func Ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // see proc_pid_stat(5)
	var number int
	var name, state string
	fmt.Sscan(string(stat), &number, &name, &state)
	return os.IsNotExist(err) || state == "Z"
}
