package bridge

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/crypto/ssh"
)

// parseDestination reads what a client asks a connection for (direct-tcpip: RFC 4254, section 7.2).
func parseDestination(payload []byte) (host string, port int, err error) {
	var request struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	if err := ssh.Unmarshal(payload, &request); err != nil {
		return "", 0, errors.New("the request is malformed")
	}
	if err := checkDestination(request.Host, request.Port); err != nil {
		return "", 0, err
	}
	return request.Host, int(request.Port), nil
}

// checkDestination accepts IP addresses and names that a name server may know. Nothing that it accepts can be taken for an
// option.
func checkDestination(host string, port uint32) error {
	if port == 0 || port > 65535 {
		return errors.New("the port is not one of 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.ContainsAny(host, "%") {
		return nil
	}
	if host == "" || len(host) > 253 || host[0] == '-' {
		return errors.New("the destination is no host name")
	}
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return errors.New("the destination is no host name")
		}
	}
	return nil
}
