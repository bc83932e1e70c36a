//go:build darwin || freebsd

package line

import "golang.org/x/sys/unix"

// peerUID returns the account of the process at the other end of a Unix socket (unix(4), LOCAL_PEERCRED).
func peerUID(fd int) (int, error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}
