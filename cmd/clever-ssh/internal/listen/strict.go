package listen

import (
	"errors"
	"net"
	"strings"
)

// strict is a connection whose client must speak SSH from the first byte on. A server may pass over lines before that, and with them the
// head of a request in which a web page has a browser send whatever it likes.
type strict struct {
	net.Conn
	read int // bytes of the opening
}

// opening is how a client's identification begins (RFC 4253, section 4.2).
const opening = "SSH-2.0-"

var errNoClient = errors.New("this is not an SSH client")

func (c *strict) Read(buf []byte) (int, error) {
	n, err := c.Conn.Read(buf)
	if rest := opening[c.read:]; rest != "" {
		begin := string(buf[:min(n, len(rest))])
		if !strings.HasPrefix(rest, begin) {
			return 0, errNoClient
		}
		c.read += len(begin)
	}
	return n, err
}
