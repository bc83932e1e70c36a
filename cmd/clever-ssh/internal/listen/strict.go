package listen

import (
	"errors"
	"net"
	"strings"
)

// strict is a connection whose client must speak SSH from the first byte on. SSH allows a server to skip lines
// before that. A web page can make a browser send a request with any content, whose head would be such lines.
type strict struct {
	net.Conn
	read int // bytes of the opening
}

// opening is the beginning of a client's identification (RFC 4253, section 4.2).
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
