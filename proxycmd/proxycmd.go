// Package proxycmd is the data path of one SSH connection. It dials a gateway, reads the handshake of client and
// server as it passes through, and lets nothing else pass until the gateway has shown a pinned host key.
//
// The client, an unmodified OpenSSH or PuTTY, does the cryptography. This package only makes sure that the key the
// client is about to verify is pinned: a server without the private half fails the client's own signature check. A
// lying server wins wherever the client reads its bytes differently from this package. So anything that two
// implementations could read differently is refused.
package proxycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"clever-ssh/config"
)

// Options are the settings of a connection that do not belong to the gateway. The zero value is usable.
type Options struct {
	// KnownHosts is the path of the file to which the checked host key is added before the client sees it. If it is
	// empty, no file is written.
	KnownHosts string

	// Timeout bounds dialling and each wait for the server, up to its key-exchange reply; zero means DefaultTimeout.
	// No clock runs while it is the client's turn, or after the handshake.
	Timeout time.Duration

	// Interactive says whether a person sits at the other end, which decides how the traffic is marked.
	Interactive bool

	// Established, if set, is called once, when both sides have sent NEWKEYS.
	Established func()

	// Warn, if set, receives failures that do not end the connection.
	Warn func(error)

	// Step, if set, receives a line for each step of the connection, up to the moment before the client gets the
	// server's NEWKEYS. Text quoted from the network holds no control characters.
	Step func(text string)

	// Refused, if set, learns why a server is refused before the client does. It words the reason that the client
	// gets in SSH_MSG_DISCONNECT; without it, that is err.Error(). A client that has read the reason may end this
	// process at once, as OpenSSH does, so this is the time to tell a person more.
	Refused func(err error) (reason string)
}

// DefaultTimeout is how long the handshake waits for a server.
const DefaultTimeout = 30 * time.Second

// Connect carries one connection between the gateway and a client, which it reads from stdin and writes to stdout. It
// returns nil when the connection ended because the client went away, as connections do.
//
// When it refuses a server before the client has NEWKEYS, it tells the client why with SSH_MSG_DISCONNECT (RFC 4253,
// section 11.1), whose text OpenSSH shows to its user, and returns the error. A read from stdin or a write to stdout
// may still be in progress when Connect returns; it ends when the other side closes its end.
//
// Callers tell these errors apart: a [*DialError] when the gateway was not reached; a [*HostKeyError] when its host key
// is not pinned; a [*ClientError] when the client broke the protocol; a [*HandshakeError] for any other end before
// NEWKEYS, with a [*MethodError] in it when the two sides have no key exchange in common that can be checked; and a
// [*LostError] when the connection broke later. A known_hosts that is not a regular file is an [*fs.PathError].
func Connect(ctx context.Context, g *config.Gateway, stdin io.Reader, stdout io.Writer, o Options) error {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	client := readClient(stdin)
	defer client.stop()
	if err := checkKnownHosts(o.KnownHosts); err != nil {
		client.refuse(stdout, false, reasonByApplication, o.refused(err))
		return err
	}
	conn, err := o.dial(ctx, g, client)
	if err == errClientGone {
		return nil
	}
	if err != nil {
		client.refuse(stdout, false, reasonByApplication, o.refused(err))
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	server := readServer(conn)
	defer server.stop()
	c := &conversation{
		judge:    &handshake{gateway: g, progress: o.Step},
		client:   client,
		server:   server,
		stdout:   stdout,
		conn:     conn,
		remember: func(hostKey []byte) { o.remember(g, hostKey) },
	}
	err = c.run(ctx, o.Timeout)
	if err == errClientGone {
		return nil
	}
	if err != nil {
		code := uint32(reasonByApplication)
		hostKey, byClient := new(HostKeyError), new(ClientError)
		switch {
		case errors.As(err, &hostKey):
			code = reasonHostKeyNotVerifiable
		case !errors.As(err, &byClient):
			err = &HandshakeError{Address: g.Address.HostPort(), Err: orCause(ctx, err)}
		}
		client.refuse(stdout, c.identified, code, o.refused(err))
		return err
	}
	mark(conn, c.clientIdentification, o.Interactive)
	if o.Established != nil {
		o.Established()
	}
	return orCause(ctx, relay(ctx, conn, server.reader, c.up, stdout))
}

func (o *Options) refused(err error) string {
	if o.Refused != nil {
		return o.Refused(err)
	}
	return err.Error()
}

// dial connects to the gateway while it listens to the client: if the client goes away, dialling stops.
func (o *Options) dial(ctx context.Context, g *config.Gateway, client *peer) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %v", o.Timeout))
	defer cancel()
	type dialled struct {
		conn *net.TCPConn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		conn, err := dial(ctx, g.Address, g.Via, o.Step)
		done <- dialled{conn, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return nil, &DialError{Address: g.Address.HostPort(), Via: g.Via.Redacted(), Err: d.err}
		}
		return d.conn, nil
	case <-client.gone:
		cancel()
		if d := <-done; d.conn != nil {
			d.conn.Close()
		}
		return nil, clientError(client.err)
	}
}

// remember adds a host key to known_hosts after it was found to be pinned.
func (o *Options) remember(g *config.Gateway, hostKey []byte) {
	if o.KnownHosts == "" {
		return
	}
	if err := UpdateKnownHosts(o.KnownHosts, g, hostKey); err != nil && o.Warn != nil {
		o.Warn(fmt.Errorf("cannot record the host key, so ssh will refuse it: %w", err))
	}
}
