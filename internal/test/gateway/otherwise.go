package gateway

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Otherwise says how a gateway differs from what is believed of the real one. The zero value behaves as believed.
type Otherwise struct {
	// Preface is sent before the identification string.
	Preface string

	// Identification is the identification string; if it is empty, a made-up one is used.
	Identification string

	// Banner is shown to everybody who logs in.
	Banner string

	// KeysOnly means that no password is offered.
	KeysOnly bool

	// Streams changes what passes between a client without a terminal and everything that it meets in a session: the
	// gateway, which may ask it to choose, and then the shell.
	Streams func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer)

	// TerminalInput changes what a client types on a terminal.
	TerminalInput func(in io.Reader) io.Reader

	// Motd is shown on each terminal before the shell starts.
	Motd string

	// DeafTerminals ignore changes of the window's size.
	DeafTerminals bool

	// AlwaysTerminal gives a session a terminal even if it asked for none.
	AlwaysTerminal bool

	// TakesCommands runs what follows an id in the command slot, instead of the shell that reads commands.
	TakesCommands bool

	// MenuIsShut refuses a session with an empty command slot.
	MenuIsShut bool

	// Grants lists types of requests and channels that are granted although they are otherwise refused: "env",
	// "subsystem", "auth-agent-req@openssh.com", "x11-req", "tcpip-forward", "direct-tcpip". Nothing comes of them.
	Grants []string

	// MostSessions is how many sessions a connection may have at once; zero means no limit.
	MostSessions int

	// MostIdle is how long the client may be silent before its connection is broken off; zero means forever.
	MostIdle time.Duration

	// Status is the exit status of each session, instead of its shell's. Zero means the shell's status, a negative
	// number none.
	Status int

	// Scatters sends each session to another of an application's instances, without asking.
	Scatters bool
}

// grants reports whether something is granted that is otherwise refused.
func (o *Otherwise) grants(what string) bool { return slices.Contains(o.Grants, what) }

// ends returns how a session ends once its shell has ended.
func (o *Otherwise) ends(how ending) ending {
	if o.Status != 0 && !how.brokenOff {
		how = ending{status: o.Status}
	}
	return how
}

// change adds to the configuration of a connection.
func (o *Otherwise) change(config *ssh.ServerConfig) {
	if o.Identification != "" {
		config.ServerVersion = o.Identification
	}
	if o.Banner != "" {
		config.BannerCallback = func(ssh.ConnMetadata) string { return o.Banner }
	}
	if o.KeysOnly {
		config.PasswordCallback = nil
	}
}

// idling is a connection that ends when the client is silent.
type idling struct {
	net.Conn
	limit time.Duration
}

func (c idling) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.limit))
	return c.Conn.Read(b)
}

// grant pretends to grant a channel of a type other than a session: it is open, and nothing comes.
func grant(channel ssh.NewChannel) {
	c, requests, err := channel.Accept()
	if err != nil {
		return
	}
	ssh.DiscardRequests(requests)
	c.Close()
}

// scattered returns the next of an application's instances.
func (g *Gateway) scattered(a Application) Instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn++
	return a.Instances[g.turn%len(a.Instances)]
}

// limiter counts the sessions of a connection.
type limiter struct {
	most int
	mu   sync.Mutex
	now  int
}

// enter reports whether there is room for one more.
func (l *limiter) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.now >= l.most {
		return false
	}
	l.now++
	return true
}

func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
}

// filter changes the streams of a session without a terminal.
func (o *Otherwise) filter(s stdio) stdio {
	if o.Streams == nil {
		return s
	}
	in, out, err := o.Streams(s.in, s.out, s.err)
	return stdio{in, out, err}
}

// splitSlot splits a command off an id.
func (o *Otherwise) splitSlot(slot string) (target, command string) {
	if !o.TakesCommands {
		return slot, ""
	}
	target, command, _ = strings.Cut(slot, " ")
	return target, command
}
