package bridge

import (
	"io"

	"clever-ssh/outpost/wire"
)

// growing reads ahead of what is asked for, with a buffer that is small until there is much: thousands of streams may have one each.
type growing struct {
	from   io.Reader
	buf    []byte
	unread []byte
}

func (g *growing) Read(b []byte) (int, error) {
	if len(g.unread) == 0 {
		if g.buf == nil {
			g.buf = make([]byte, leastBuffer)
		}
		n, err := g.from.Read(g.buf)
		g.unread = g.buf[:n]
		switch {
		case n == len(g.buf) && n < wire.PipeSize:
			g.buf = make([]byte, wire.PipeSize)
		case n < leastBuffer && len(g.buf) > leastBuffer:
			g.buf = nil
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(b, g.unread)
	g.unread = g.unread[n:]
	return n, nil
}
