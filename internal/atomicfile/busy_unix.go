//go:build unix

package atomicfile

import "syscall"

// dontWait has a pipe opened without waiting for whoever writes into it.
const dontWait = syscall.O_NONBLOCK

// whileBusy does something with a file. Who else has it open is in nobody's way here.
func whileBusy(do func() error) error { return do() }
