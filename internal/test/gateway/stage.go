package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"

	"golang.org/x/crypto/ssh"
)

// Stage is a point in a connection where the gateway can be told to break it off.
type Stage int

const (
	// Nowhere: connections work.
	Nowhere Stage = iota
	// AtAccept closes the connection before a byte is sent.
	AtAccept
	// AtIdentification closes it after both identification strings.
	AtIdentification
	// AtKeyExchange closes it instead of sending the reply that would present the host key.
	AtKeyExchange
	// AtAuthentication closes it after the key exchange, before any answer to an authentication request.
	AtAuthentication
	// AtSession closes it once the session has begun: after the prompt, or after the noise if there is no terminal.
	AtSession
)

// identification is the gateway's identification string (RFC 4253, section 4.2). The real one is not published.
const identification = "SSH-2.0-fakegateway"

// breakOff acts out the stages before the key exchange, and reports whether the connection ended with one of them.
func (g *Gateway) breakOff(conn *net.TCPConn) bool {
	switch g.Fail {
	case AtAccept:
		hangUpSoftly(conn, conn)
		return true
	case AtIdentification:
		io.WriteString(conn, identification+"\r\n")
		client := bufio.NewReader(conn)
		client.ReadSlice('\n')
		hangUpSoftly(conn, client)
		return true
	}
	return false
}

// hangUpSoftly ends a connection so that the client sees its end and not a reset, which TCP sends if data is still
// unread. It closes our direction, and reads until the client has closed its own.
func hangUpSoftly(conn *net.TCPConn, rest io.Reader) {
	conn.CloseWrite()
	io.Copy(io.Discard, rest)
}

// silentSigner is a host key that never signs, so that the key exchange breaks off when the server's reply is due.
type silentSigner struct{ ssh.Signer }

var errSilent = errors.New("told to fail at the key exchange")

func (silentSigner) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return nil, errSilent
}

func (silentSigner) SignWithAlgorithm(io.Reader, []byte, string) (*ssh.Signature, error) {
	return nil, errSilent
}
