package caller

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// parseProcargs2 returns the path of a process's program and its arguments from the data of macOS's sysctl
// kern.procargs2: the number of arguments as a 32-bit integer in the machine's byte order, the path of the program,
// NULs up to an aligned address, and then the arguments and the environment, each ended by a NUL (xnu,
// bsd/kern/kern_sysctl.c). It is separate from its only caller so that it can be tested everywhere.
func parseProcargs2(raw []byte) (program string, args []string, err error) {
	if len(raw) < 4 {
		return "", nil, errors.New("kern.procargs2: too short for the number of arguments")
	}
	count := int32(binary.NativeEndian.Uint32(raw))
	path, rest, found := bytes.Cut(raw[4:], []byte{0})
	if !found {
		return "", nil, errors.New("kern.procargs2: the program's path does not end")
	}
	rest = bytes.TrimLeft(rest, "\x00")
	for range count {
		var arg []byte
		if arg, rest, found = bytes.Cut(rest, []byte{0}); !found {
			return "", nil, errors.New("kern.procargs2: fewer arguments than announced")
		}
		args = append(args, string(arg))
	}
	return string(path), args, nil
}
