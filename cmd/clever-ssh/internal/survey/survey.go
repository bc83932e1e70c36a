// Package survey holds what clever-ssh assumes of a gateway against a real one. With one login it asks the gateway, and an instance
// behind it, what they do, and prints a page that can be shown to anybody: it holds no ids, names, addresses or keys, and no
// text of the other side's, which is only sorted into our own words.
//
// It changes nothing and leaves nothing on the instance. What comes before the login is asked over connections of its own; all the
// rest over one that the system's ssh opens with the user's keys, through that ssh's control socket (PROTOCOL.mux of OpenSSH, section 9).
package survey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
	"clever-ssh/proxycmd"

	"golang.org/x/crypto/ssh"
	"golang.org/x/term"
)

// Options say how to ask and how to print.
type Options struct {
	Version string        // this program's
	JSON    bool          // print JSON
	Show    bool          // and what the other side has written, which may hold ids, names and addresses
	Idle    time.Duration // how long a connection is left idle; defaultIdle if zero
}

const (
	// defaultIdle is how long a connection is left idle. An interactive session says something every 30 s (ServerAliveInterval).
	defaultIdle = 30 * time.Second
	// inAll bounds everything but the login, where a person may have to look for a passphrase.
	inAll = 3 * time.Minute
	// loginPatience bounds that.
	loginPatience = 2 * time.Minute
)

// survey is what the probes share. What one of them finds out, and later ones need, it leaves here.
type survey struct {
	options  Options
	gateway  *config.Gateway
	target   config.Target // what the alias stands for
	selector bridge.Selector

	greeting  *proxycmd.Greeting
	greetErr  error
	trusted   bool          // a pinned host key was seen
	login     loginLog      // what the login showed
	loginErr  error         // why there was none
	loginTook time.Duration // with what a person had to do for it
	apart     *login.Apart
	forward   func() bool   // asks the gateway to listen, and tells whether it does
	conn      ssh.Conn      // nil before the login
	gone      chan struct{} // closed when conn has ended

	first     *shell            // the first shell that the target led to
	instances []bridge.Instance // those that the gateway listed; none if it led to a shell at once
	slot      string            // the target that leads to a shell; empty if none does
	instance  string            // the id of an instance there, if it is known
	terminal  *typed            // the session with a terminal; nil if there is none
	sessions  int               // how many the connection can have at once; 0 if that is not known
}

// Run surveys the gateway of an alias, and prints what came of it. The error is the exit status if there was a surprise.
func Run(alias string, o Options) error {
	st, err := settings.Load()
	if err != nil {
		return err
	}
	a, err := st.Config.Resolve(alias)
	if err != nil {
		return ui.HintAlias(st.Config, err)
	}
	if a.Target == "" {
		return ui.Hint(errors.New("no instance can be asked through the gateway's menu"), "name an application: clever-ssh doctor web."+a.Gateway.Suffix+" --gateway")
	}
	if atomicfile.Account(st.Layout.UserFile) != os.Geteuid() { // it names programs and files, which ssh would run and read as root
		return errors.New("the configuration is another account's: run doctor as that account")
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	os.Setenv(openssh.LookOnlyVariable, "1") // nothing is to change
	s := &survey{options: o, gateway: a.Gateway, target: a.Target, selector: bridge.Selector(a.Instance)}
	p := newPage(os.Stdout, o, about(ctx, o, a.Gateway))
	if err := s.run(ctx, p, func(ctx context.Context) error { return s.logIn(ctx, st, a) }); err != nil {
		return err
	}
	return p.end()
}

// run goes through all groups. The login, between the first and the others, is by a person's ssh.
func (s *survey) run(ctx context.Context, p *page, logIn func(context.Context) error) error {
	defer s.end()
	if s.options.Idle == 0 {
		s.options.Idle = defaultIdle
	}
	begun := time.Now()
	s.askGroup(ctx, p, beforeLogin())
	if s.trusted && ctx.Err() == nil {
		p.progress("logging in")
		s.loginErr = logIn(ctx)
	}
	limited, cancel := context.WithTimeoutCause(ctx, inAll+s.options.Idle, &worded{text: "the time for all is up"})
	defer cancel()
	for _, g := range afterLogin(s.options.Idle) {
		s.askGroup(limited, p, g)
	}
	p.took = time.Since(begun)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.loginErr != nil && !errors.Is(s.loginErr, login.ErrNoSharing) {
		err := s.loginErr
		if !s.options.Show { // its words may be names and paths, and whoever copies a screen copies them, too
			err = ui.Hint(errors.New("the login failed"), "see why: clever-ssh doctor ALIAS")
		}
		ui.Error(os.Stderr, err)
	}
	return nil
}

// afterLogin are the groups of probes that need a login, in the order in which they are asked.
func afterLogin(idle time.Duration) []group {
	return []group{theLogin(), theWay(), theConnection(), theStreams(), theChoice(), theReplies(), theInstance(), theTerminal(), theIdleConnection(idle)}
}

// askGroup goes through the probes of a group, and hands what they have seen to the page in their order.
func (s *survey) askGroup(ctx context.Context, p *page, g group) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	why := ""
	if g.unless != nil {
		why = g.unless(s)
	}
	p.group(g.title)
	if why != "" {
		for i := range g.members {
			p.add(&g.members[i], skip("%s", why))
		}
		return
	}
	p.progress(g.title)
	answers := make([]seen, len(g.members))
	done := make([]chan struct{}, len(g.members))
	for i := range done {
		done[i] = make(chan struct{})
	}
	go func() {
		turns := make(chan struct{}, s.atOnce(&g))
		for i := range g.members {
			turns <- struct{}{}
			go func() {
				answers[i] = s.askOne(ctx, &g.members[i])
				close(done[i])
				<-turns
			}()
		}
	}()
	for i := range g.members {
		<-done[i]
		if !errors.Is(ctx.Err(), context.Canceled) {
			p.add(&g.members[i], answers[i])
		}
	}
}

// atOnce is how many probes of a group may run side by side. What was hung up on may take a while to end, so not every session that the
// gateway allows is used.
func (s *survey) atOnce(g *group) int {
	if !g.atOnce {
		return 1
	}
	return max(1, min(s.sessions/2, mostAtOnce))
}

// mostAtOnce is how many probes run side by side at most.
const mostAtOnce = 4

// askOne has one probe look, for as long as it may take.
func (s *survey) askOne(ctx context.Context, p *probe) seen {
	if ctx.Err() != nil {
		return skip("%s", inWords(context.Cause(ctx)))
	}
	if s.conn != nil {
		select {
		case <-s.gone:
			return skip("the connection has ended")
		default:
		}
	}
	within := p.within
	if within == 0 {
		within = patience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, context.DeadlineExceeded)
	defer cancel()
	got := p.see(ctx, s)
	if p.expects == "" && got.verdict == surprising { // of what nobody knows, nothing is one
		got.verdict = learned
	}
	return got
}

// use takes a connection on which the login is done.
func (s *survey) use(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	gone := make(chan struct{})
	s.conn, s.gone = conn, gone
	go ssh.DiscardRequests(requests)
	go func() {
		for c := range channels {
			c.Reject(ssh.Prohibited, "")
		}
	}()
	go func() {
		conn.Wait()
		close(gone)
	}()
}

// end ends all that was begun.
func (s *survey) end() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.apart != nil {
		s.apart.End()
	}
}

// logIn has the system's ssh log in, and takes its connection.
func (s *survey) logIn(ctx context.Context, st *settings.Settings, a config.Alias) error {
	ctx, cancel := openssh.WithPatience(ctx, loginPatience)
	defer cancel()
	inner, err := login.Prepare(st, a, caller.CommandLine{})
	if err != nil {
		return err
	}
	forget, err := inner.RememberElsewhere()
	if err != nil {
		return err
	}
	defer forget()
	begun := time.Now()
	args := []string{"-o", "ServerAliveInterval=0"} // or it would not be idle
	if !st.Layout.Standard {
		args = append(args, "-F", st.Layout.UserFile)
	}
	if s.apart, err = inner.ConnectApart(ctx, s.login.read, args...); err != nil {
		return err
	}
	s.loginTook, s.forward = time.Since(begun), s.apart.Forward
	socket, err := net.Dial("unix", s.apart.Socket)
	if err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewControlClientConn(socket)
	if err != nil {
		socket.Close()
		return err
	}
	s.use(conn, channels, requests)
	return nil
}

// about are the lines at the top of the page: what asks, and what is asked, without a name.
func about(ctx context.Context, o Options, g *config.Gateway) []string {
	which := "another gateway than Clever Cloud's"
	if g.Address == config.Default().Gateways[0].Address {
		which = "Clever Cloud's gateway"
	}
	way := "directly"
	if u := g.Via.URL(); u != nil {
		way = "through a proxy (" + u.Scheme + ")"
	}
	private := "Nothing here is an id, a name, an address or a key: it can be shown to anybody."
	if o.Show {
		private = "This holds the other side's own words: look through it before you show it."
	}
	return []string{
		fmt.Sprintf("clever-ssh %s with %s on %s", o.Version, sshVersion(ctx), system),
		fmt.Sprintf("%s, reached %s, on %s", which, way, time.Now().UTC().Format("2006-01-02")),
		private,
	}
}

// isTerminal tells whether a person watches what is written to a file.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
