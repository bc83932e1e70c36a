package proxycmd

import (
	"context"
	"errors"
	"fmt"

	"clever-ssh/config"
)

// DialError says that connecting to the gateway failed.
type DialError struct {
	Address string // host:port of the gateway
	Via     string // the proxy on the way, without its password; empty if there is no proxy
	Err     error
}

func (e *DialError) Error() string {
	if e.Via != "" {
		return fmt.Sprintf("cannot connect to %s via %s: %v", e.Address, e.Via, e.Err)
	}
	return fmt.Sprintf("cannot connect to %s: %v", e.Address, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// HandshakeError says that the server broke off, or did something that no SSH server does, before it showed a pinned
// host key.
type HandshakeError struct {
	Address string // host:port
	Err     error
}

func (e *HandshakeError) Error() string { return fmt.Sprintf("%s: %v", e.Address, e.Err) }

func (e *HandshakeError) Unwrap() error { return e.Err }

// HostKeyError says that the server showed a host key that is not pinned.
type HostKeyError struct {
	Address string // host:port
	Found   config.Pin
	Pinned  []config.Pin
}

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("host key %s of %s is not pinned (expected %s)", e.Found, e.Address, config.PinList(e.Pinned))
}

// ClientError says that the client did something that no SSH client does. The gateway and the network have no part in
// it.
type ClientError struct{ Err error }

func (e *ClientError) Error() string {
	return fmt.Sprintf("your client breaks the SSH protocol: %v", e.Err)
}

func (e *ClientError) Unwrap() error { return e.Err }

// LostError says that an established connection broke.
type LostError struct{ Err error }

func (e *LostError) Error() string { return fmt.Sprintf("the connection was lost: %v", e.Err) }

func (e *LostError) Unwrap() error { return e.Err }

// errClientGone says that the client closed its side during the handshake. The client has told its user why.
var errClientGone = errors.New("the client went away")

var errGatewayClosed = errors.New("the gateway closed it")

// MethodError says that client and server cannot agree on a key exchange method that clever-ssh can check. The
// client's settings may be the reason.
type MethodError struct{ text string }

func (e *MethodError) Error() string { return e.text }

// These are the causes of a HandshakeError, apart from breaches of the protocol.
var (
	ErrClosed  = errors.New("the server closed the connection")
	ErrTimeout = errors.New("the server did not answer")
	ErrBusy    = errors.New("the server has too many logins in progress")
	ErrNotNow  = errors.New("the server is turning logins away for now")
)

// orCause returns why the context ended, if it did: an error that results from that would hide the reason.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
