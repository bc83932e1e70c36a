package survey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"

	"golang.org/x/crypto/ssh"
)

const (
	// inAll bounds everything but the login, where a person may have to look for a passphrase.
	inAll = 3 * time.Minute
	// loginPatience bounds the login.
	loginPatience = 2 * time.Minute
)

// Run surveys the gateway of an alias, and prints the results. The error is the exit status if there was a
// surprise.
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
	if atomicfile.Account(st.Layout.UserFile) != os.Geteuid() { // ssh would run its programs and read its files as root
		return errors.New("the configuration belongs to another account: run doctor as that account")
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	os.Setenv(openssh.LookOnlyVariable, "1") // nothing may change
	s := &survey{options: o, gateway: a.Gateway, target: a.Target, selector: bridge.Selector(a.Instance)}
	p := newPage(os.Stdout, o, about(ctx, o, a.Gateway))
	if err := s.run(ctx, p, func(ctx context.Context) error { return s.logIn(ctx, st, a) }); err != nil {
		return err
	}
	return p.end()
}

// run goes through all groups. The login, after the first group, uses a person's ssh.
func (s *survey) run(ctx context.Context, p *page, logIn func(context.Context) error) error {
	defer s.end()
	begun := time.Now()
	s.askGroup(ctx, p, beforeLogin())
	if s.trusted && ctx.Err() == nil {
		p.progress("logging in")
		s.loginErr = logIn(ctx)
	}
	limited, cancel := context.WithTimeoutCause(ctx, inAll+s.options.Idle, &worded{text: "time ran out"})
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

// afterLogin returns the groups of probes that need a login, in order.
func afterLogin(idle time.Duration) []group {
	return []group{loginProbes(), wayProbes(), connectionProbes(), streamProbes(), choiceProbes(), replyProbes(), instanceProbes(), terminalProbes(), idleProbes(idle)}
}

// askGroup asks the probes of a group, and passes their results to the page in order.
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

// atOnce returns how many probes of a group may run in parallel. A session that was hung up on may take a while
// to end, so the survey does not use every session that the gateway allows.
func (s *survey) atOnce(g *group) int {
	if !g.atOnce || s.conn == nil {
		return 1
	}
	return max(1, min(s.conn.sessions/2, mostAtOnce))
}

// mostAtOnce is how many probes run in parallel at most.
const mostAtOnce = 4

// askOne asks one probe, for as long as it may take.
func (s *survey) askOne(ctx context.Context, p *probe) seen {
	if ctx.Err() != nil {
		return skip("%s", inWords(context.Cause(ctx)))
	}
	if s.conn != nil {
		select {
		case <-s.conn.gone:
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
	if p.expects == "" && got.verdict == surprising { // without an expectation, nothing is a surprise
		got.verdict = learned
	}
	return got
}

// logIn makes the system's ssh log in, and uses its connection.
func (s *survey) logIn(ctx context.Context, st *settings.Settings, a config.Alias) error {
	ctx, cancel := openssh.WithPatience(ctx, loginPatience)
	defer cancel()
	inner, done, err := login.PrepareExamination(st, a)
	if err != nil {
		return err
	}
	defer done()
	begun := time.Now()
	// With ServerAliveInterval, the connection would not be idle.
	if s.apart, err = inner.ConnectApart(ctx, s.login.read, "-o", "ServerAliveInterval=0"); err != nil {
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

// about returns the lines at the top of the page: what asks, and what is asked, without a name.
func about(ctx context.Context, o Options, g *config.Gateway) []string {
	which := "a gateway other than Clever Cloud's"
	if g.Address == config.Default().Gateways[0].Address {
		which = "Clever Cloud's gateway"
	}
	way := "directly"
	if u := g.Via.URL(); u != nil {
		way = "through a proxy (" + u.Scheme + ")"
	}
	private := "This page holds no ids, names, addresses or keys: you can show it to anybody."
	if o.Show {
		private = "This page may hold ids, names, addresses and keys: read it before you show it."
	}
	return []string{
		fmt.Sprintf("clever-ssh %s with %s on %s", o.Version, sshVersion(ctx), system),
		fmt.Sprintf("%s, reached %s, on %s", which, way, time.Now().UTC().Format("2006-01-02")),
		private,
	}
}

// system is the system that this program runs on.
const system = runtime.GOOS + "/" + runtime.GOARCH

var opensshVersion = pattern.New(`^OpenSSH_[A-Za-z0-9._]{1,30}`)

// sshVersion returns the version of this system's ssh.
func sshVersion(ctx context.Context) string {
	text, _ := openssh.VersionOf(ctx, string(openssh.Find()), "-V")
	if v := opensshVersion().FindString(text); v != "" {
		return v
	}
	return "an ssh of unknown version"
}
