package bridge

import (
	"bufio"
	"io"
	"net"
	"time"

	"clever-ssh/outpost/wire"
)

// pipe makes a connection from two streams. It reads and writes as much at a time as there is.
type pipe struct {
	from   io.Reader
	in     *bufio.Reader
	to     io.Writer
	outbox *outbox
	ended  func() // called when a read fails, and by Close
}

func newPipe(from io.Reader, to io.Writer) *pipe {
	widen(from, to)
	return &pipe{from, bufio.NewReaderSize(from, wire.PipeSize), to, newOutbox(to), func() {}}
}

func (p *pipe) Read(buf []byte) (int, error) {
	n, err := p.in.Read(buf)
	if err != nil {
		p.ended()
	}
	return n, err
}

func (p *pipe) Write(data []byte) (int, error) { return p.outbox.Write(data) }

// Close closes what can be closed, after everything was written. It does not stop a read that is under way.
func (p *pipe) Close() error {
	p.ended()
	p.outbox.flush()
	for _, side := range []any{p.from, p.to} {
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
