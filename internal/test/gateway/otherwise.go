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

// Otherwise is how a gateway may behave otherwise than the real one is believed to. The zero value behaves as believed.
type Otherwise struct {
	// Preface is sent before the identification string.
	Preface string

	// Identification is the identification string; a made-up one if it is empty.
	Identification string

	// Banner is shown to everybody who logs in.
	Banner string

	// KeysOnly offers no password.
	KeysOnly bool

	// Streams changes what passes between a client without a terminal and all that it meets in a session: the gateway, which may ask
	// it to choose, and then the shell.
	Streams func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer)

	// TerminalInput changes what a client types on a terminal.
	TerminalInput func(in io.Reader) io.Reader

	// Motd is shown on each terminal before the shell starts.
	Motd string

	// DeafTerminals ignore a change of the window's size.
	DeafTerminals bool

	// AlwaysTerminal gives a session a terminal that has asked for none.
	AlwaysTerminal bool

	// TakesCommands runs what follows an id in the command slot, in the place of the shell that reads commands.
	TakesCommands bool

	// MenuIsShut refuses a session with an empty command slot.
	MenuIsShut bool

	// Grants are the types of requests and of channels that are granted, and are refused otherwise: "env", "subsystem",
	// "auth-agent-req@openssh.com", "x11-req", "tcpip-forward", "direct-tcpip". Nothing comes of them.
	Grants []string

	// MostSessions is how many sessions a connection may have at once; no limit if it is zero.
	MostSessions int

	// MostIdle is for how long the client may say nothing before its connection is broken off; for ever if it is zero.
	MostIdle time.Duration

	// Status is what each session ends with, in place of its shell's exit status; the shell's if it is zero, and none if it is
	// negative.
	Status int

	// Scatters leads each session to another of an application's instances, without a question.
	Scatters bool
}

// grants tells whether something is granted that is refused otherwise.
func (o *Otherwise) grants(what string) bool { return slices.Contains(o.Grants, what) }

// ends is how a session ends whose shell has ended.
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

// idling is a connection that ends when the client says nothing.
type idling struct {
	net.Conn
	limit time.Duration
}

func (c idling) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.limit))
	return c.Conn.Read(b)
}

// grant plays what is granted to a channel of another type than a session: it is open, and nothing comes.
func grant(channel ssh.NewChannel) {
	c, requests, err := channel.Accept()
	if err != nil {
		return
	}
	ssh.DiscardRequests(requests)
	c.Close()
}

// scattered is the next of an application's instances.
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

// enter tells whether there is room for one more.
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
