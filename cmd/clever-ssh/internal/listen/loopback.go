package listen

import (
	"net"
	"strconv"
)

// Loopback listens on a port of both loopback addresses. Otherwise another account could listen on the other
// one, which may be the first that clients of "localhost" try. A machine may have no IPv6. If the port is 0,
// Loopback takes any free one.
func Loopback(port int) (listeners []net.Listener, err error) {
	hosts := []string{"127.0.0.1"}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		l.Close()
		hosts = append(hosts, "::1")
	}
	for try := 0; ; try++ {
		listeners, err = listenOn(hosts, port)
		if err == nil || port != 0 || try == maxPorts {
			return listeners, err
		}
	}
}

// maxPorts is how often a port that is free on one address may be taken on the other.
const maxPorts = 20

func listenOn(hosts []string, port int) (listeners []net.Listener, err error) {
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
		port = l.Addr().(*net.TCPAddr).Port
	}
	return listeners, nil
}
