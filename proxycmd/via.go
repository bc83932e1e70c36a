package proxycmd

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"golang.org/x/net/proxy"
)

// connectSOCKS asks a SOCKS5 proxy (RFC 1928, RFC 1929) for a connection.
func connectSOCKS(ctx context.Context, conn net.Conn, u *url.URL, address string) error {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", u.Host, auth, nil)
	if err != nil {
		return err
	}
	over, ok := d.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return errors.New("this build cannot speak SOCKS5")
	}
	_, err = over.DialWithConn(ctx, conn, "tcp", address)
	return proxyError(err)
}

// proxyError words a failure while asking a proxy. A library's error names both addresses, which DialError already
// has.
func proxyError(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		err = op.Err
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("the proxy closed the connection")
	}
	return fmt.Errorf("asking the proxy: %w", err)
}

// maxProxyHeader bounds a proxy's answer to CONNECT, in bytes.
const maxProxyHeader = 16 << 10

// connectHTTP asks an HTTP proxy for a connection (RFC 9110, section 9.3.6). It reads the answer byte by byte:
// whatever follows the header already comes from the gateway.
func connectHTTP(conn net.Conn, user *url.Userinfo, address string) error {
	request := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if user != nil {
		password, _ := user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	var header []byte
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) && !bytes.HasSuffix(header, []byte("\n\n")) {
		var c [1]byte
		if _, err := conn.Read(c[:]); err != nil {
			return proxyError(err)
		}
		if header = append(header, c[0]); len(header) > maxProxyHeader {
			return errors.New("the proxy's answer is too long")
		}
	}
	status, _, _ := bytes.Cut(header, []byte("\n"))
	fields := bytes.Fields(status)
	if len(fields) < 2 || !bytes.HasPrefix(fields[0], []byte("HTTP/1.")) {
		return fmt.Errorf("the proxy answered %s, which is not HTTP", escape(status))
	}
	if len(fields[1]) != 3 || fields[1][0] != '2' {
		return fmt.Errorf("the proxy refused: %s", escape(status))
	}
	return nil
}
