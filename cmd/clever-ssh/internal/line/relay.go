package line

import (
	"io"
	"net"
	"time"

	"github.com/hashicorp/yamux"

	"clever-ssh/outpost/wire"
)

// mostBuffer is the size of a buffer that much goes through, in bytes.
const mostBuffer = 256 << 10

// relay copies between a client and its stream, of which it has read the beginning, until either is closed. Then it closes both.
func relay(client net.Conn, stream *yamux.Stream, beginning []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := stream.Write(beginning); err == nil {
			copyFrom(stream, client)
		}
		stream.Close() // which tells the outpost that the client is gone
	}()
	copyFrom(client, stream)
	client.Close()
	stream.SetWriteDeadline(time.Unix(1, 0)) // nobody reads there any more, either
	// The outpost may be waiting for somebody to read. It closes its end when it has read the end of ours.
	io.Copy(io.Discard, stream)
	<-done
}

// copyFrom copies until the end of from, or an error of either.
func copyFrom(to io.Writer, from io.Reader) {
	buf := make([]byte, wire.LeastBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		buf = wire.Fit(buf, n, mostBuffer)
	}
}
