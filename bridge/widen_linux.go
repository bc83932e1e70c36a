package bridge

import (
	"os"

	"clever-ssh/outpost/wire"

	"golang.org/x/sys/unix"
)

// widen makes busy pipes hold more, if the account may do that, so that fewer calls move the data.
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
