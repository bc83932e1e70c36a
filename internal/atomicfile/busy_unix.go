//go:build unix

package atomicfile

import "syscall"

// dontWait opens a pipe without waiting for a writer.
const dontWait = syscall.O_NONBLOCK

// whileBusy does something with a file. On Unix it does not matter who else has it open.
func whileBusy(do func() error) error { return do() }
