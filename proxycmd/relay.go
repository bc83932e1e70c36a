package proxycmd

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"
)

const (
	// relayBuffer is as much as a pipe holds on Linux and macOS, in bytes.
	relayBuffer = 64 << 10

	// afterGateway is how long a client may take to leave by itself once the gateway has closed its side. One that
	// has what it wanted does so at once; one that does not was in the middle of something.
	afterGateway = 250 * time.Millisecond

	// afterClient is how long a gateway may take to finish once the client has closed its side.
	afterClient = 5 * time.Second
)

// upstream is the direction from the client to the gateway, once it is encrypted.
type upstream struct {
	ended chan struct{} // closed when the client has closed its side, or the gateway takes no more
	err   error         // then set if it was the gateway
}

// relayUp passes on what the client sends, in the background, and closes the connection's sending half behind it. The
// reader is the one through which stdin was read so far.
func relayUp(conn *net.TCPConn, client *bufio.Reader, stdin io.Reader) *upstream {
	up := &upstream{ended: make(chan struct{})}
	go func() {
		_, up.err = transfer(conn, client, stdin)
		// First of all it is known that the client went: what comes of the half-close is no news.
		close(up.ended)
		conn.CloseWrite()
	}()
	return up
}

// left tells whether the client has closed its side.
func (up *upstream) left() bool {
	if up == nil {
		return false
	}
	select {
	case <-up.ended:
		return up.err == nil
	default:
		return false
	}
}

// relay passes on what the gateway sends until it closes its side, even while the client keeps its own open, which is
// a LostError; or until the client takes no more; or until a while after the client has closed its side, or stopped reading
// for good, as one does that was killed; or until the context ends.
func relay(ctx context.Context, conn *net.TCPConn, gateway *bufio.Reader, up *upstream, stdout io.Writer) error {
	gone, unwatch := watchReader(stdout)
	defer unwatch()
	down := make(chan error, 1)
	go func() {
		readErr, writeErr := transfer(stdout, gateway, conn)
		switch {
		case writeErr != nil:
			down <- nil
		case readErr != nil:
			down <- &LostError{readErr}
		default:
			down <- &LostError{errGatewayClosed}
		}
	}()
	linger := func() {
		select {
		case <-down:
		case <-ctx.Done():
		case <-time.After(afterClient):
		}
	}
	select {
	case lost := <-down:
		if lost == nil {
			return nil
		}
		select {
		case <-up.ended:
			if up.err == nil {
				return nil
			}
		case <-time.After(afterGateway):
		}
		return lost
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-gone:
		linger()
		return nil
	case <-up.ended:
		linger()
		if up.err != nil {
			return &LostError{up.err}
		}
		return nil
	}
}

// transfer passes on everything that a source still has to give, by the shortest way; ahead is the reader through which the
// source was read so far. The results are those of pump.
func transfer(dst io.Writer, ahead *bufio.Reader, src io.Reader) (readErr, writeErr error) {
	if n := ahead.Buffered(); n > 0 {
		read, _ := ahead.Peek(n)
		if _, err := dst.Write(read); err != nil {
			return nil, err
		}
		ahead.Discard(n)
	}
	if done, readErr, writeErr := splice(dst, src); done {
		return readErr, writeErr
	}
	return pump(dst, ahead)
}

// pump copies until the source ends or either side fails. The errors are told apart because they mean different
// people; the end of the source is none.
func pump(dst io.Writer, src io.Reader) (readErr, writeErr error) {
	buffer := make([]byte, relayBuffer)
	for {
		n, readErr := src.Read(buffer)
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return nil, err
			}
		}
		if readErr == io.EOF {
			return nil, nil
		}
		if readErr != nil {
			return readErr, nil
		}
	}
}
