package line

import "golang.org/x/sys/unix"

// peerUID returns the account of the process at the other end of a Unix socket (unix(7), SO_PEERCRED).
func peerUID(fd int) (int, error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}
