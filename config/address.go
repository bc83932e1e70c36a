package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"clever-ssh/internal/pattern"
)

// Address is where a gateway listens, and the user that it accepts.
type Address struct {
	User string
	Host string // a host name or an IP address, without brackets
	Port uint16
}

// The address of Clever Cloud's gateway, as its documentation gives it.
const (
	// gatewayUser is the only user that it accepts: the key selects the account.
	gatewayUser = "ssh"
	defaultHost = "sshgateway-clevercloud-customers.services.clever-cloud.com"
	defaultPort = 22
)

var (
	userName = pattern.New(`\A[A-Za-z_][A-Za-z0-9._-]*\z`)
	hostName = pattern.New(`\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z`)
	suffix   = pattern.New(`\A[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\z`)
)

// ParseAddress reads [user@]host[:port]; an IPv6 address with a port is written [::1]:2222. The default user is
// "ssh", the default port 22.
func ParseAddress(s string) (Address, error) {
	a := Address{User: gatewayUser, Host: s, Port: defaultPort}
	bad := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("%q is not a gateway address: %s; write [user@]host[:port]", s, why)
	}
	if strings.Contains(s, "://") {
		return bad("it is a URL")
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		a.User, a.Host = s[:i], s[i+1:]
	}
	if len(a.User) > 64 || !userName().MatchString(a.User) {
		return bad("its user name is not valid")
	}
	if host, port, err := net.SplitHostPort(a.Host); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return bad("its port is not a number from 1 to 65535")
		}
		a.Host, a.Port = host, uint16(n)
	} else if len(a.Host) > 2 && a.Host[0] == '[' && a.Host[len(a.Host)-1] == ']' {
		a.Host = a.Host[1 : len(a.Host)-1]
	}
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		if ip.Zone() != "" {
			return bad("an address with a zone cannot be written to ssh_config")
		}
		return a, nil
	}
	if len(a.Host) > 255 || !hostName().MatchString(a.Host) {
		return bad("its host is neither a host name nor an IP address")
	}
	return a, nil
}

// HostPort returns the address in the form that package net takes.
func (a Address) HostPort() string {
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

func (a Address) String() string {
	if a.Port == defaultPort {
		return a.User + "@" + a.Host
	}
	return a.User + "@" + a.HostPort()
}

// IsClever reports whether the address is that of the gateway with the built-in host keys.
func (a Address) IsClever() bool {
	return strings.EqualFold(a.Host, defaultHost) && a.Port == defaultPort
}

// CheckSuffix accepts lower-case labels of letters, digits and inner hyphens, 63 characters in all. The last label
// must not be a number: IP addresses end in one.
func CheckSuffix(s string) error {
	if last := s[strings.LastIndexByte(s, '.')+1:]; last != "" && strings.Trim(last, digits) == "" {
		return fmt.Errorf("%q is not a valid suffix: one that ends in a number looks like an IP address", s)
	}
	if len(s) > 63 || !suffix().MatchString(s) {
		return fmt.Errorf("%q is not a valid suffix: use at most 63 lower-case letters and digits, with hyphens and dots between them", s)
	}
	return nil
}

// Via is a proxy on the way to the gateway. It may hold a password, so it has no String method: print Redacted.
type Via struct{ url *url.URL }

var errVia = errors.New("is not a proxy address: write socks5://[user:password@]host:port or http://[user:password@]host:port")

// ParseVia reads the URL of a SOCKS5 proxy, or of an HTTP proxy that supports CONNECT. Its errors never repeat
// anything that may be a password.
func ParseVia(s string) (Via, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "socks5" && u.Scheme != "http") || u.Port() == "" || u.Hostname() == "" ||
		(u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return Via{}, fmt.Errorf("the value of via %w", errVia)
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return Via{}, fmt.Errorf("the value of via %w", errVia)
	}
	return Via{url: u}, nil
}

// URL returns the proxy's address, or nil if there is no proxy.
func (v Via) URL() *url.URL { return v.url }

// Redacted returns the proxy's address without its password.
func (v Via) Redacted() string {
	if v.url == nil {
		return ""
	}
	return v.url.Redacted()
}
