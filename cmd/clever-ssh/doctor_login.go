package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"clever-ssh/internal/caller"
)

// loginPatience bounds the login.
const loginPatience = 8 * time.Second

// mostSaid is how many lines of ssh's last words are kept: a gateway may greet without end.
const mostSaid = 100

// login is what ssh tells of one.
type login struct {
	offered  []string // the keys, as ssh names them: where from, kind, fingerprint
	accepted string   // the one that the gateway took
	done     bool     // it let us in
	said     []string // what is no debug line: errors, and what proxy says
}

var (
	offering = pattern(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// A key without a public half, which ssh has yet to read. It says so of those on its own list that are not there, too.
	trying   = pattern(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	accepted = pattern(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	entered  = pattern(`^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
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
	f := finding{Check: check, About: e.alias, Status: isFailed, Details: l.offered}
	switch said := strings.Join(l.said, "\n"); {
	case ctx.Err() != nil:
		f.Found = fmt.Sprintf("%v: does a security key wait for a touch, or an agent for a yes?", context.Cause(ctx))
		f.Hints = []string{"see where it stops: ssh -v " + e.alias}
	case strings.Contains(strings.ToLower(said), "too many authentication failures"):
		f.Found = fmt.Sprintf("the gateway hung up after %d keys; the right one may not have had its turn", len(l.offered))
		f.Hints = []string{e.adviceOnManyKeys()}
	case l.accepted != "":
		f.Found = "the gateway knows a key that ssh could not use: " + l.accepted
		f.Hints = []string{"if it has a passphrase, give it to the agent: ssh-add FILE", "see what ssh says of it: ssh -v " + e.alias}
	case strings.Contains(said, "Permission denied") && len(l.offered) == 0:
		f.Found = "ssh had no key to offer that needs no passphrase"
		f.Hints = []string{"if yours has one, give it to the agent: ssh-add FILE", "if yours is not among the keys above: " + e.setupIdentity(),
			"which keys ssh passes over, and why: ssh -v " + e.alias}
	case strings.Contains(said, "Permission denied"):
		f.Found = "the gateway knows none of the keys that ssh offered"
		f.Hints = []string{"register the public half of one in the console, under Profile, SSH keys, in the account that owns the application",
			"or name the one that is registered: " + e.setupIdentity()}
	default:
		f.Found, f.Hints = reasonOf(l.said)
		f.Hints = append(f.Hints, "see how far it comes: ssh -v "+e.alias)
	}
	e.add(f)
}

// reasonOf is why there was no login: what proxy has against it, with its hints, or ssh's last words.
func reasonOf(said []string) (reason string, hints []string) {
	reason = "ssh ended without a word"
	for i := len(said) - 1; i >= 0; i-- {
		if text, ok := strings.CutPrefix(said[i], "clever-ssh: "); ok {
			reason = text
		} else if text, ok := strings.CutPrefix(said[i], "hint: "); ok {
			hints = append([]string{text}, hints...)
		} else if i == len(said)-1 {
			reason = text
		}
	}
	return reason, hints
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
	r, w, err := os.Pipe()
	if err != nil {
		return l, err
	}
	defer r.Close()
	cmd.Stderr = w
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	w.Close()
	if err != nil {
		return l, err
	}
	defer cmd.Wait()
	defer end()
	defer context.AfterFunc(ctx, func() { r.Close() })()
	return readLogin(r), nil
}

// readLogin reads what ssh -v writes up to the end of authentication.
func readLogin(r io.Reader) (l login) {
	lines := bufio.NewScanner(r)
	tried := "" // a key that ssh signs with at once, if it can
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if m := offering().FindStringSubmatch(line); m != nil {
			l.offered = append(l.offered, strings.TrimSpace(m[1]))
			tried = ""
		} else if m := trying().FindStringSubmatch(line); m != nil {
			tried = m[1]
		} else if tried != "" && strings.HasPrefix(line, "debug1: Authentications that can continue") {
			l.offered = append(l.offered, tried)
			tried = ""
		} else if m := accepted().FindStringSubmatch(line); m != nil {
			l.accepted = strings.TrimSpace(m[1])
		} else if entered().MatchString(line) {
			l.accepted, l.done = cmp.Or(l.accepted, tried), true
			return l
		} else if !strings.HasPrefix(line, "debug") && line != "" {
			l.said = append(l.said[max(0, len(l.said)-mostSaid+1):], line)
		}
	}
	return l
}
