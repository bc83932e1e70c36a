//go:build linux || darwin || freebsd

package line

import (
	"errors"
	"net"
	"os"
)

// ownPeer makes sure that the process at the other end of a socket belongs to this account. The folder already
// keeps others out.
func ownPeer(conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	var uid int
	if errControl := raw.Control(func(fd uintptr) { uid, err = peerUID(int(fd)) }); errControl != nil {
		return errControl
	}
	if err == nil && uid != os.Geteuid() {
		err = errors.New("the connection's socket belongs to another account")
	}
	return err
}

// listen makes a socket that only this account can connect to.
func listen(socket string) (net.Listener, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
