package gateway

import "slices"

// Events is what has happened since Start, in order.
type Events struct {
	Connections int
	Attempts    []Attempt
	Sessions    []Session
	Refused     []string // the types of channels and requests that were refused, except keep-alives and the like
}

// Attempt is one authentication attempt that was decided, not a query whether a key would be accepted. OpenSSH's
// first attempt on each connection has the method "none".
type Attempt struct {
	Method      string // "publickey", "password", "none"
	User        string
	Fingerprint string // SHA256 of the key; empty unless Method is "publickey"
	Accepted    bool
}

// Session is one session that a client asked for.
type Session struct {
	Target   string // as it arrived in the command slot; empty for the menu
	TTY      bool   // a pseudo-terminal was requested and given
	Instance string // the id of the instance that it led to; empty until one is chosen

	// Ended is set, and the rest becomes valid, before the client learns of the end. If a signal ended the shell,
	// ExitStatus is -1 and Signal is its name without "SIG". ExitStatus is also -1 if the gateway broke off the
	// connection.
	Ended      bool
	ExitStatus int
	Signal     string
}

// Events returns what has happened so far. The gateway does not change the result afterwards.
func (g *Gateway) Events() Events {
	g.mu.Lock()
	defer g.mu.Unlock()
	events := g.events
	events.Attempts = slices.Clone(events.Attempts)
	events.Sessions = slices.Clone(events.Sessions)
	events.Refused = slices.Clone(events.Refused)
	return events
}

// record lets change add to the events, or complete one of them.
func (g *Gateway) record(change func(*Events)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.events)
}

// housekeeping are requests of OpenSSH and PuTTY that ask for nothing and are usually refused.
var housekeeping = []string{
	"keepalive@openssh.com",
	"no-more-sessions@openssh.com",
	"eow@openssh.com",
	"simple@putty.projects.tartarus.org",
	"winadj@putty.projects.tartarus.org",
}

// refused records what was refused, by its type.
func (g *Gateway) refused(what string) {
	if slices.Contains(housekeeping, what) {
		return
	}
	g.logf("refused: %q", what)
	g.record(func(events *Events) { events.Refused = append(events.Refused, what) })
}
