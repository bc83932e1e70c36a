package database

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Listen listens on a port of 127.0.0.1, or on any free port if it is 0.
func Listen(port int) (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

// acceptTime is how long to wait after an error of accept: perhaps no descriptors were left.
const acceptTime = 50 * time.Millisecond

// Serve has all connections to a port carried until ctx is done, and returns when they have ended. It calls
// failed with the errors, one at a time, but never twice in a row with the same.
func Serve(ctx context.Context, l *net.TCPListener, carry func(context.Context, *net.TCPConn) error, failed func(error)) {
	context.AfterFunc(ctx, func() { l.Close() })
	var all sync.WaitGroup
	defer all.Wait()
	var mu sync.Mutex
	last := ""
	for {
		conn, err := l.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptTime)
			continue
		}
		all.Go(func() {
			err := carry(ctx, conn)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case ctx.Err() != nil:
			case err == nil:
				last = ""
			case err.Error() != last:
				last = err.Error()
				failed(err)
			}
		})
	}
}
