//go:build unix

package test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// TakePort takes a port at an IPv4 address, or any free one if it is 0. Nobody listens there, and nobody else can,
// until Listen is called for the socket.
func TakePort(t testing.TB, address string, port uint16) (socket int, taken uint16) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	syscall.CloseOnExec(socket)
	// The old connections of whoever listened there do not matter.
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	// A process that starts may have the listener for a moment.
	Eventually(t, fmt.Sprintf("%s:%d is free", address, port), func() bool {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Addr: netip.MustParseAddr(address).As4(), Port: int(port)})
		return !errors.Is(err, syscall.EADDRINUSE)
	})
	name, nameErr := syscall.Getsockname(socket)
	if err := errors.Join(err, nameErr); err != nil {
		t.Fatal(err)
	}
	return socket, uint16(name.(*syscall.SockaddrInet4).Port)
}

// BlackHole is TakePort for a port that neither answers nor refuses: its queue of connections is full, so Linux drops
// every further SYN.
func BlackHole(t testing.TB, address string, port uint16) (taken uint16) {
	t.Helper()
	socket, port := TakePort(t, address, port)
	if err := syscall.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", address, port), 300*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
	return 0
}
