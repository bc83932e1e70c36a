package bridge

import (
	"io"

	"clever-ssh/outpost/wire"
)

// growing reads ahead, with a buffer that stays small until there is much to read: thousands of streams may
// have one each.
type growing struct {
	from   io.Reader
	buf    []byte
	unread []byte
}

func (g *growing) Read(b []byte) (int, error) {
	if len(g.unread) == 0 {
		if g.buf == nil {
			g.buf = make([]byte, wire.LeastBuffer)
		}
		n, err := g.from.Read(g.buf)
		g.unread = g.buf[:n]
		g.buf = wire.Fit(g.buf, n, wire.PipeSize)
		if n == 0 {
			return 0, err
		}
	}
	n := copy(b, g.unread)
	g.unread = g.unread[n:]
	return n, nil
}
