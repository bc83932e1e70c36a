package wire

import "encoding/binary"

// Exec asks for a command, or a shell.
type Exec struct {
	// Command is text for the instance's shell; empty for a shell of its own.
	Command string
	// Environment is what is added to the command's: NAME=value each.
	Environment []string
	// Login has the login files read first.
	Login bool
	// Agent, if it is not empty, is the Name of a listener whose socket becomes SSH_AUTH_SOCK.
	Agent string
	// Terminal is nil for a command on pipes.
	Terminal *Terminal
}

// Terminal is the pseudo-terminal that a client asks for (RFC 4254, section 6.2).
type Terminal struct {
	Name  string // of its type: TERM
	Size  Size
	Modes string // encoded as in RFC 4254, section 8
}

// Size is a terminal's, in characters and in pixels.
type Size struct{ Columns, Rows, Width, Height uint32 }

// Connect asks for a connection.
type Connect struct {
	Network string // tcp or unix
	Address string // host:port as net.Dial takes it, or a path
}

// Listen asks for a listener. It listens until the stream ends; Accept returns its connections, on streams of their own.
type Listen struct {
	Network string // tcp, unix or agent
	Port    uint32 // for tcp, on loopback; 0 if any will do
	Path    string // for unix
	Name    string // for agent: a random name that Exec.Agent refers to; the path is the outpost's to choose
}

// Begun says that what a stream is for has begun: a command runs, a connection is there, a listener listens, or has one.
type Begun struct {
	Listener uint32 // the number by which Accept refers to a listener
	Port     uint32 // on which it listens, or of the peer of a connection that it accepted
	Address  string // of that peer, if it is one of TCP
}

// Exit is how a command ended.
type Exit struct {
	Status uint32
	Signal string // without SIG; empty if it exited (RFC 4254, section 6.10)
	Core   bool
}

// Networks.
const (
	TCP   = "tcp"
	Unix  = "unix"
	Agent = "agent"
)

// maxEnvironment is how many variables an Exec may have.
const maxEnvironment = 1024

// Payload encodes the request.
func (e *Exec) Payload() []byte {
	b := appendText(nil, e.Command)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Environment)))
	for _, variable := range e.Environment {
		b = appendText(b, variable)
	}
	b = appendFlag(b, e.Login)
	b = appendText(b, e.Agent)
	b = appendFlag(b, e.Terminal != nil)
	if e.Terminal != nil {
		b = appendText(b, e.Terminal.Name)
		b = append(b, e.Terminal.Size.Payload()...)
		b = appendText(b, e.Terminal.Modes)
	}
	return b
}

// ParseExec reads the request. The error of all these functions is ErrMalformed.
func ParseExec(payload []byte) (*Exec, error) {
	p := parser{rest: payload}
	e := &Exec{Command: p.text()}
	n := p.number()
	if n > maxEnvironment {
		return nil, ErrMalformed
	}
	for range n {
		e.Environment = append(e.Environment, p.text())
	}
	e.Login, e.Agent = p.flag(), p.text()
	if p.flag() {
		e.Terminal = &Terminal{Name: p.text(), Size: p.size(), Modes: p.text()}
	}
	return e, p.end()
}

// Payload encodes the size.
func (s Size) Payload() []byte {
	var b []byte
	for _, n := range []uint32{s.Columns, s.Rows, s.Width, s.Height} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// ParseSize reads a size.
func ParseSize(payload []byte) (Size, error) {
	p := parser{rest: payload}
	s := p.size()
	return s, p.end()
}

// Payload encodes the request.
func (c *Connect) Payload() []byte { return appendText(appendText(nil, c.Network), c.Address) }

// ParseConnect reads the request.
func ParseConnect(payload []byte) (*Connect, error) {
	p := parser{rest: payload}
	c := &Connect{Network: p.text(), Address: p.text()}
	return c, p.end()
}

// Payload encodes the request.
func (l *Listen) Payload() []byte {
	b := binary.BigEndian.AppendUint32(appendText(nil, l.Network), l.Port)
	return appendText(appendText(b, l.Path), l.Name)
}

// ParseListen reads the request.
func ParseListen(payload []byte) (*Listen, error) {
	p := parser{rest: payload}
	l := &Listen{Network: p.text(), Port: p.number(), Path: p.text(), Name: p.text()}
	return l, p.end()
}

// Payload encodes the reply.
func (b *Begun) Payload() []byte {
	data := binary.BigEndian.AppendUint32(nil, b.Listener)
	return appendText(binary.BigEndian.AppendUint32(data, b.Port), b.Address)
}

// ParseBegun reads the reply.
func ParseBegun(payload []byte) (*Begun, error) {
	p := parser{rest: payload}
	b := &Begun{Listener: p.number(), Port: p.number(), Address: p.text()}
	return b, p.end()
}

// Payload encodes the end.
func (e *Exit) Payload() []byte {
	return appendFlag(appendText(binary.BigEndian.AppendUint32(nil, e.Status), e.Signal), e.Core)
}

// ParseExit reads the end.
func ParseExit(payload []byte) (*Exit, error) {
	p := parser{rest: payload}
	e := &Exit{Status: p.number(), Signal: p.text(), Core: p.flag()}
	return e, p.end()
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

func appendFlag(b []byte, flag bool) []byte {
	if flag {
		return append(b, 1)
	}
	return append(b, 0)
}

// parser takes a payload apart. After the first thing that is missing, the rest is empty and end returns an error.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) take(n int) []byte {
	if p.failed || n > len(p.rest) {
		p.failed, p.rest = true, nil
		return nil
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *parser) number() uint32 {
	b := p.take(4)
	if p.failed {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (p *parser) text() string {
	n := p.number()
	if uint64(n) > uint64(len(p.rest)) {
		p.failed = true
		return ""
	}
	return string(p.take(int(n)))
}

func (p *parser) flag() bool {
	b := p.take(1)
	if !p.failed && b[0] > 1 {
		p.failed = true
	}
	return !p.failed && b[0] == 1
}

func (p *parser) size() Size {
	return Size{p.number(), p.number(), p.number(), p.number()}
}

func (p *parser) end() error {
	if p.failed || len(p.rest) > 0 {
		return ErrMalformed
	}
	return nil
}
