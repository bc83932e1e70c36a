package main

import (
	"fmt"
	"os"
)

// callerIsSilent reports whether a process has /dev/null as its stderr.
func callerIsSilent(pid int) bool {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", pid))
	return err == nil && link == os.DevNull
}
