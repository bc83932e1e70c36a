//go:build unix

package atomicfile

import "syscall"

// dontWait has a pipe opened without waiting for whoever writes into it.
const dontWait = syscall.O_NONBLOCK

// whileBusy does something with a file. It does not matter here who else has it open.
func whileBusy(do func() error) error { return do() }
