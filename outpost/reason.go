//go:build linux

package outpost

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// reason returns why something failed, without naming the thing itself: the bridge knows that.
func reason(err error) string {
	var number syscall.Errno
	var name *net.DNSError
	var address *net.AddrError
	var timeout net.Error
	var operation *net.OpError
	switch {
	case errors.As(err, &number):
		if number == syscall.ETIMEDOUT {
			return "connection timed out"
		}
		return number.Error()
	case errors.As(err, &name):
		if name.IsNotFound {
			return "no such host"
		}
		return "looking up the name failed: " + name.Err
	case errors.As(err, &address):
		return address.Err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "connection timed out"
	case errors.As(err, &operation):
		return operation.Err.Error()
	}
	return err.Error()
}
