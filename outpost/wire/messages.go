package wire

import (
	"encoding/binary"

	"clever-ssh/internal/field"
)

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

// Listen asks for a listener. It listens until the stream ends; Accept returns its connections, on streams of
// their own.
type Listen struct {
	Network string // tcp, unix or agent
	Port    uint32 // for tcp, on loopback; 0 if any will do
	Path    string // for unix
	Name    string // for agent: a random name that Exec.Agent refers to; the path is the outpost's to choose
}

// Begun says that what a stream is for has begun: a command is running, a connection exists, a
// listener is listening, or it has a connection.
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
	b := field.AppendText(nil, e.Command)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Environment)))
	for _, variable := range e.Environment {
		b = field.AppendText(b, variable)
	}
	b = field.AppendBool(b, e.Login)
	b = field.AppendText(b, e.Agent)
	b = field.AppendBool(b, e.Terminal != nil)
	if e.Terminal != nil {
		b = field.AppendText(b, e.Terminal.Name)
		b = append(b, e.Terminal.Size.Payload()...)
		b = field.AppendText(b, e.Terminal.Modes)
	}
	return b
}

// ParseExec reads the request. The error of all these functions is ErrMalformed.
func ParseExec(payload []byte) (*Exec, error) {
	p := parserOf(payload)
	e := &Exec{Command: p.Text()}
	n := p.Uint32()
	if n > maxEnvironment {
		return nil, ErrMalformed
	}
	for range n {
		e.Environment = append(e.Environment, p.Text())
	}
	e.Login, e.Agent = p.Bool(), p.Text()
	if p.Bool() {
		e.Terminal = &Terminal{Name: p.Text(), Size: p.size(), Modes: p.Text()}
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
	p := parserOf(payload)
	s := p.size()
	return s, p.end()
}

// Payload encodes the request.
func (c *Connect) Payload() []byte {
	return field.AppendText(field.AppendText(nil, c.Network), c.Address)
}

// ParseConnect reads the request.
func ParseConnect(payload []byte) (*Connect, error) {
	p := parserOf(payload)
	c := &Connect{Network: p.Text(), Address: p.Text()}
	return c, p.end()
}

// Payload encodes the request.
func (l *Listen) Payload() []byte {
	b := binary.BigEndian.AppendUint32(field.AppendText(nil, l.Network), l.Port)
	return field.AppendText(field.AppendText(b, l.Path), l.Name)
}

// ParseListen reads the request.
func ParseListen(payload []byte) (*Listen, error) {
	p := parserOf(payload)
	l := &Listen{Network: p.Text(), Port: p.Uint32(), Path: p.Text(), Name: p.Text()}
	return l, p.end()
}

// Payload encodes the reply.
func (b *Begun) Payload() []byte {
	data := binary.BigEndian.AppendUint32(nil, b.Listener)
	return field.AppendText(binary.BigEndian.AppendUint32(data, b.Port), b.Address)
}

// ParseBegun reads the reply. Its port is one that TCP has, or 0.
func ParseBegun(payload []byte) (*Begun, error) {
	p := parserOf(payload)
	b := &Begun{Listener: p.Uint32(), Port: p.Uint32(), Address: p.Text()}
	if err := p.end(); err != nil || b.Port > 65535 {
		return nil, ErrMalformed
	}
	return b, nil
}

// Payload encodes the end.
func (e *Exit) Payload() []byte {
	return field.AppendBool(field.AppendText(binary.BigEndian.AppendUint32(nil, e.Status), e.Signal), e.Core)
}

// ParseExit reads the end.
func ParseExit(payload []byte) (*Exit, error) {
	p := parserOf(payload)
	e := &Exit{Status: p.Uint32(), Signal: p.Text(), Core: p.Bool()}
	if e.Core && e.Signal == "" {
		return e, ErrMalformed // only a signal makes a command dump core
	}
	return e, p.end()
}

// parser takes a payload apart.
type parser struct{ *field.Reader }

func parserOf(payload []byte) parser { return parser{field.NewReader(payload)} }

func (p *parser) size() Size {
	return Size{p.Uint32(), p.Uint32(), p.Uint32(), p.Uint32()}
}

func (p *parser) end() error {
	if !p.Whole() {
		return ErrMalformed
	}
	return nil
}
