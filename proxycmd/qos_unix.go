//go:build unix

package proxycmd

import (
	"net"
	"syscall"
)

func setClass(conn *net.TCPConn, class int) {
	socket, err := conn.SyscallConn()
	if err != nil {
		return
	}
	socket.Control(func(fd uintptr) {
		if conn.RemoteAddr().(*net.TCPAddr).IP.To4() != nil {
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TOS, class)
		} else {
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, class)
		}
	})
}
