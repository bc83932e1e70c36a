package bridge

import (
	"os"

	"clever-ssh/outpost/wire"

	"golang.org/x/sys/unix"
)

// widen makes pipes that much goes through hold more, if the account may have that: fewer calls then move it.
func widen(pipes ...any) {
	for _, pipe := range pipes {
		f, ok := pipe.(*os.File)
		if !ok {
			continue
		}
		if conn, err := f.SyscallConn(); err == nil {
			conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, wire.PipeSize) })
		}
	}
}
