package proxycmd

import (
	"net"
	"syscall"
	"testing"
)

func TestMark(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		for _, c := range []struct {
			client      string
			interactive bool
			want        int
		}{
			{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", true, 0x10},
			{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", false, 0x08},
			{"SSH-2.0-OpenSSH_10.0p2 Debian-7+deb13u4\r\n", true, 0xb8},
			{"SSH-2.0-OpenSSH_10.0p2 Debian-7+deb13u4\r\n", false, 0x20},
			{"SSH-2.0-OpenSSH_10.3p1 Debian-1\r\n", true, 0xb8},
			{"SSH-2.0-OpenSSH_10.3p1 Debian-1\r\n", false, 0},
			{"SSH-2.0-OpenSSH_10.0p1 Ubuntu-5ubuntu5\r\n", true, 0x10},
			{"SSH-2.0-OpenSSH_10.0p1 Ubuntu-5ubuntu5\r\n", false, 0x08},
			{"SSH-2.0-OpenSSH_9.2p1\r\n", true, 0x48},
			{"SSH-2.0-OpenSSH_9.2p1\r\n", false, 0x20},
			{"SSH-2.0-OpenSSH_10.0p2\r\n", true, 0x48},
			{"SSH-2.0-OpenSSH_10.1\r\n", true, 0xb8},
			{"SSH-2.0-OpenSSH_10.1\r\n", false, 0},
			{"SSH-2.0-OpenSSH_11.0\r\n", true, 0xb8},
			{"SSH-2.0-OpenSSH_for_Windows_9.5\r\n", true, 0},
			{"SSH-2.0-PuTTY_Release_0.78\r\n", true, 0},
			{"SSH-2.0-OpenSSH_\r\n", true, 0},
			{"", true, 0},
		} {
			l, err := net.Listen(network, "localhost:0")
			if err != nil {
				t.Skip(err) // a machine without IPv6
			}
			conn, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			mark(conn.(*net.TCPConn), []byte(c.client), c.interactive)
			socket, err := conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			level, option := syscall.IPPROTO_IP, syscall.IP_TOS
			if network == "tcp6" {
				level, option = syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS
			}
			socket.Control(func(fd uintptr) {
				got, err := syscall.GetsockoptInt(int(fd), level, option)
				if err != nil || got != c.want {
					t.Errorf("%s: %q, interactive %v: %#x, %v, want %#x", network, c.client, c.interactive, got, err, c.want)
				}
			})
			conn.Close()
			l.Close()
		}
	}
}
