package proxycmd

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"
)

const (
	// relayBuffer is as many bytes as a pipe holds on Linux and macOS.
	relayBuffer = 64 << 10

	// afterGateway is how long a client may take to leave by itself once the gateway has closed its side. A client
	// that has what it wanted leaves at once; one that does not was in the middle of something.
	afterGateway = 250 * time.Millisecond

	// afterClient is how long a gateway may take to finish once the client has closed its side.
	afterClient = 5 * time.Second
)

// upstream is the direction from the client to the gateway, once it is encrypted.
type upstream struct {
	ended chan struct{} // closed when the client has closed its side, or the gateway accepts no more
	err   error         // set by then if it was the gateway
}

// relayUp passes on what the client sends, in the background, and then closes the sending half of the connection. The
// reader is the one that stdin was read through so far.
func relayUp(conn *net.TCPConn, client *bufio.Reader, stdin io.Reader) *upstream {
	up := &upstream{ended: make(chan struct{})}
	go func() {
		_, up.err = transfer(conn, client, stdin)
		// Tell the others first that the client left, so that the effects of the half-close do not look like news.
		close(up.ended)
		conn.CloseWrite()
	}()
	return up
}

// left reports whether the client has closed its side.
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

// relay passes on what the gateway sends until one of these happens: the gateway closes its side, which is a
// LostError while the client keeps its own side open; the client accepts no more; the client has closed its side, or
// has stopped reading for good as a killed one does, and a while has passed; or the context ends.
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

// transfer passes on everything that a source still has to give, by the shortest path. The reader ahead is the one
// that the source was read through so far. The results are those of pump.
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

// pump copies until the source ends or either side fails. It returns the two sides' errors separately because they
// mean different people. The end of the source is not an error.
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
