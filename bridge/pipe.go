package bridge

import (
	"io"
	"net"
	"time"
)

// pipe makes a connection of two streams.
type pipe struct {
	in  io.Reader
	out io.Writer
}

func (p *pipe) Read(buf []byte) (int, error)   { return p.in.Read(buf) }
func (p *pipe) Write(data []byte) (int, error) { return p.out.Write(data) }

// Close closes what can be closed. A read that is under way goes on.
func (p *pipe) Close() error {
	for _, side := range []any{p.in, p.out} {
		if c, ok := side.(io.Closer); ok {
			c.Close()
		}
	}
	return nil
}

func (*pipe) LocalAddr() net.Addr              { return nowhere{} }
func (*pipe) RemoteAddr() net.Addr             { return nowhere{} }
func (*pipe) SetDeadline(time.Time) error      { return nil }
func (*pipe) SetReadDeadline(time.Time) error  { return nil }
func (*pipe) SetWriteDeadline(time.Time) error { return nil }

// nowhere is the address of a pipe.
type nowhere struct{}

func (nowhere) Network() string { return "pipe" }
func (nowhere) String() string  { return "pipe" }
