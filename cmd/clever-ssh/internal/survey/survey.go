// Package survey compares what clever-ssh assumes about a gateway with a real one. With one login it asks the
// gateway, and an instance behind it, what they do. It prints a page that people can show to anybody: the page
// holds no ids, names, addresses or keys, and no text of the other side's, which it only sorts into our own
// words.
//
// It changes nothing and leaves nothing on the instance. Probes before the login use connections of their own.
// All others use one that the system's ssh opens with the user's keys, through that ssh's control socket
// (PROTOCOL.mux of OpenSSH, section 9).
package survey

import (
	"errors"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/config"
	"clever-ssh/proxycmd"

	"golang.org/x/crypto/ssh"
)

// Options tell how to ask and how to print.
type Options struct {
	Version string        // this program's
	JSON    bool          // print JSON
	Show    bool          // also the other side's text, which may hold ids, names and addresses
	Idle    time.Duration // how long to leave a connection idle
}

// survey is what the probes share. Each leaves here what later ones need.
type survey struct {
	options  Options
	gateway  *config.Gateway
	target   config.Target // what the alias stands for
	selector bridge.Selector

	greeting  *proxycmd.Greeting
	greetErr  error
	trusted   bool          // a pinned host key was shown
	login     loginLog      // what the login showed
	loginErr  error         // why there was none
	loginTook time.Duration // including what a person had to do for it
	apart     *login.Apart
	forward   func() bool // asks the gateway to listen, and reports whether it does
	conn      *connection // nil before the login

	first     *shell            // the first shell that the target led to
	instances []bridge.Instance // the instances that the gateway listed; none if it led to a shell at once
	slot      string            // the target that leads to a shell; empty if none does
	instance  string            // the id of an instance there, if known
	terminal  *typed            // the session with a terminal; nil if there is none
}

// use uses a connection that has logged in.
func (s *survey) use(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	s.conn = newConnection(conn, channels, requests)
}

// end ends everything that was begun.
func (s *survey) end() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.apart != nil {
		s.apart.End()
	}
}

// notLoggedIn returns the reason why probes that need a login cannot be asked, or "" if they can.
func (s *survey) notLoggedIn() string {
	switch {
	case s.conn != nil:
		return ""
	case !s.trusted:
		return "no host key is pinned"
	case errors.Is(s.loginErr, login.ErrNoSharing):
		return "this ssh cannot share a login"
	}
	return "there was no login"
}

// noShell returns the reason why probes that need a shell cannot be asked, or "" if they can.
func (s *survey) noShell() string {
	if why := s.notLoggedIn(); why != "" {
		return why
	}
	if s.first == nil {
		return "there was no shell"
	}
	return ""
}
