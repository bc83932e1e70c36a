package bridge

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"clever-ssh/outpost/wire"

	"golang.org/x/crypto/ssh"
)

// The types of channels to a destination.
const (
	toTCP  = "direct-tcpip"                   // RFC 4254, section 7.2
	toUnix = "direct-streamlocal@openssh.com" // OpenSSH's PROTOCOL, section 2.4
)

// destination is the place that a client wants to connect to.
type destination struct {
	network string // wire.TCP or wire.Unix
	host    string
	port    int
	path    string // of a Unix socket
}

// address returns the destination in the form for the outpost.
func (d destination) address() string {
	if d.network == wire.Unix {
		return d.path
	}
	return net.JoinHostPort(d.host, strconv.Itoa(d.port))
}

// parseDestination reads the destination from a client's request.
func parseDestination(channelType string, payload []byte) (d destination, err error) {
	if channelType == toUnix {
		var request struct {
			Path     string
			Reserved string
			Number   uint32
		}
		if err := ssh.Unmarshal(payload, &request); err != nil {
			return d, errMalformed
		}
		return destination{network: wire.Unix, path: request.Path}, checkSocket(request.Path)
	}
	var request struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	if err := ssh.Unmarshal(payload, &request); err != nil {
		return d, errMalformed
	}
	return destination{network: wire.TCP, host: request.Host, port: int(request.Port)}, CheckDestination(request.Host, request.Port)
}

// errMalformed is for a client's request that makes no sense.
var errMalformed = errors.New("the request is malformed")

// maxSocket is how long the path of a Unix socket may be on Linux (unix(7)).
const maxSocket = 107

// checkSocket accepts absolute paths. Where they lead is up to the instance.
func checkSocket(path string) error {
	if !strings.HasPrefix(path, "/") || len(path) > maxSocket || strings.Contains(path, "\x00") {
		return errors.New("the path of a socket on the instance must be absolute and at most 107 bytes long")
	}
	return nil
}

// CheckDestination accepts the hosts that a connection from the instance may go to: IP addresses, and names
// that a name server may know. Nothing that it accepts looks like an option.
func CheckDestination(host string, port uint32) error {
	if port == 0 || port > 65535 {
		return errors.New("the port must be between 1 and 65535")
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.ContainsAny(host, "%") {
		return nil
	}
	if host == "" || len(host) > 253 || host[0] == '-' {
		return errors.New("the destination is not a host name")
	}
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return errors.New("the destination is not a host name")
		}
	}
	return nil
}

// parseText reads the payload of a request that holds one string.
func parseText(payload []byte) (string, error) {
	var request struct{ Text string }
	err := ssh.Unmarshal(payload, &request)
	return request.Text, err
}
