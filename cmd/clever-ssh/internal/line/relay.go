package line

import (
	"io"
	"net"
	"time"

	"github.com/hashicorp/yamux"

	"clever-ssh/outpost/wire"
)

// mostBuffer is the size in bytes of a buffer that carries a lot of data.
const mostBuffer = 256 << 10

// relay copies between a client and its stream until either is closed. Then it closes both. It has already read
// the beginning of the client's data.
func relay(client net.Conn, stream *yamux.Stream, beginning []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := stream.Write(beginning); err == nil {
			copyFrom(stream, client)
		}
		stream.Close() // this tells the outpost that the client is gone
	}()
	copyFrom(client, stream)
	client.Close()
	stream.SetWriteDeadline(time.Unix(1, 0)) // nobody reads there any more either
	// The outpost may be waiting for somebody to read. It closes its end when it has read to the end of ours.
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
