package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"clever-ssh/internal/caller"
)

// loginPatience bounds the login.
const loginPatience = 8 * time.Second

// mostQuoted is how many of the gateway's last lines are shown.
const mostQuoted = 5

// login is what ssh tells of one.
type login struct {
	offered  []string // the keys, as ssh names them: where from, kind, fingerprint
	accepted string   // the one that the gateway took
	done     bool     // it let us in
	tried    string   // a key that ssh signs with at once, if it can
	said     []string // ssh's errors
	refusal  error    // what proxy has against the gateway
	greeting []string // what the gateway says
}

var (
	offering = pattern(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// A key without a public half, which ssh has yet to read. It says so of those on its own list that are not there, too.
	trying   = pattern(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	accepted = pattern(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	entered  = pattern(`(?m)^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
)

// checkLogin has the user's ssh log in to the alias's gateway, without asking anything and without opening a session.
func (e *examination) checkLogin(ctx context.Context) {
	const check = "login"
	switch {
	case e.alias == "":
		return
	case e.ssh == "":
		e.skip(check, e.alias, "there is no ssh")
		return
	case !e.open:
		e.skip(check, e.alias, "the gateway cannot be trusted, or not be reached")
		return
	}
	ctx, cancel := withPatience(ctx, loginPatience)
	defer cancel()
	l, err := e.logIn(ctx)
	if err != nil {
		e.fail(check, e.alias, err)
		return
	}
	if l.done {
		e.ok(check, e.alias, "the gateway lets you in, with %s", l.accepted)
		return
	}
	f := finding{Check: check, About: e.alias, Status: isFailed}
	for _, key := range l.offered {
		f.Details = append(f.Details, "offered: "+key)
	}
	for _, line := range l.greeting[max(0, len(l.greeting)-mostQuoted):] {
		f.Details = append(f.Details, "gateway: "+line)
	}
	switch said := strings.Join(l.said, "\n"); {
	case ctx.Err() != nil:
		f.Found = fmt.Sprintf("%v: does a security key wait for a touch, or an agent for a yes?", context.Cause(ctx))
		f.Hints = []string{"see where it stops: ssh -v " + e.alias}
	case tooMany().MatchString(said):
		f.Found = fmt.Sprintf("the gateway hung up after %d keys; the right one may not have had its turn", len(l.offered))
		f.Hints = []string{e.adviceOnManyKeys()}
	case l.accepted != "":
		f.Found = "the gateway knows a key that ssh could not use: " + l.accepted
		f.Hints = []string{"if it has a passphrase, give it to the agent: ssh-add FILE", "see what ssh says of it: ssh -v " + e.alias}
	case denied().MatchString(said) && len(l.offered) == 0:
		f.Found = "ssh had no key to offer that needs no passphrase"
		f.Hints = []string{"if yours has one, give it to the agent: ssh-add FILE", "if yours is not among the keys above: " + e.setupIdentity(),
			"which keys ssh passes over, and why: ssh -v " + e.alias}
	case denied().MatchString(said):
		f.Found = "the gateway knows none of the keys that ssh offered"
		f.Hints = []string{"register the public half of one in the console, under Profile, SSH keys, in the account that owns the application",
			"or name the one that is registered: " + e.setupIdentity()}
	default:
		f.Found, f.Hints = l.reason()
		f.Hints = append(f.Hints, "see how far it comes: ssh -v "+e.alias)
	}
	e.add(f)
}

// reason is why there was no login: what proxy has against it, with its hints, or ssh's last words.
func (l *login) reason() (reason string, hints []string) {
	switch {
	case l.refusal != nil:
		return strings.ReplaceAll(l.refusal.Error(), "\n", "; "), hintsOf(l.refusal)
	case len(l.said) > 0:
		return "ssh says: " + l.said[len(l.said)-1], nil
	}
	return "ssh ended without a word", nil
}

// logIn runs ssh until the gateway has let it in, or has not.
func (e *examination) logIn(ctx context.Context) (l login, err error) {
	a := e.resolved
	a.Run = false
	inner, err := findInner(e.settings, e.alias, a, caller.CommandLine{})
	if err != nil {
		return l, err
	}
	// What is learnt of the gateway's host key goes to a file of its own: nothing is to change.
	forget, err := inner.rememberElsewhere()
	if err != nil {
		return l, err
	}
	defer forget()
	ctx, end := context.WithCancel(ctx)
	defer end()
	// -N, so that no session is opened.
	args := []string{"-N", "-T", "-n", "-o", "LogLevel=DEBUG1", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"}
	if !e.layout.Standard {
		args = append([]string{"-F", e.layout.UserFile}, args...)
	}
	cmd := inner.command(ctx, args...)
	greeting := new(tail)
	cmd.Stderr = greeting
	cmd.WaitDelay = time.Second
	heard := listenAside(cmd, func(line string) {
		if l.hear(line) {
			end()
		}
	}, nil)
	if err = cmd.Start(); err == nil {
		cmd.Wait() // how it ended is in its log
	}
	heard.end()
	l.said, l.refusal, l.greeting = heard.log.lines(), heard.told.refusal(), greeting.lines()
	return l, err
}

// hear takes a line of what ssh -v logs, and tells whether it is the end of authentication.
func (l *login) hear(line string) (done bool) {
	if m := offering().FindStringSubmatch(line); m != nil {
		l.offered = append(l.offered, strings.TrimSpace(m[1]))
		l.tried = ""
	} else if m := trying().FindStringSubmatch(line); m != nil {
		l.tried = m[1]
	} else if l.tried != "" && strings.HasPrefix(line, "debug1: Authentications that can continue") {
		l.offered = append(l.offered, l.tried)
		l.tried = ""
	} else if m := accepted().FindStringSubmatch(line); m != nil {
		l.accepted = strings.TrimSpace(m[1])
	} else if entered().MatchString(line) {
		l.accepted, l.done = cmp.Or(l.accepted, l.tried), true
	}
	return l.done
}
