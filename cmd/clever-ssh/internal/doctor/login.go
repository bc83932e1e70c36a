package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/pattern"
)

// loginPatience bounds the login and the command.
const loginPatience = 11 * time.Second

// mostQuoted is how many of the gateway's last lines are shown.
const mostQuoted = 5

// attempt is what ssh tells of a login.
type attempt struct {
	offered  []string // the keys, as ssh names them: where from, kind, fingerprint
	accepted string   // the one that the gateway took
	done     bool     // it let us in
	tried    string   // a key that ssh signs with at once, if it can
	said     []string // ssh's errors
	refusal  error    // what proxy has against the gateway
	greeting []string // what the gateway says
	err      error    // it could not be tried
	session  error    // why no command ran
	status   int      // the command's
	late     error    // what ended the wait; nil if nothing did
}

// isOfAnother tells whether root looks at another account's configuration. That names programs and files, which ssh would run and read
// as root.
func (e *examination) isOfAnother() bool {
	return atomicfile.Account(e.layout.UserFile) != os.Geteuid()
}

const ofAnother = "the configuration is another account's: run doctor as that account"

// startLogin has the user's ssh log in to the alias's gateway, without asking anything, and run a command that does nothing. It says so before.
// The answer is nil if that makes no sense.
func (e *examination) startLogin(ctx context.Context) func() *attempt {
	if e.alias == "" || e.ssh == "" || e.isOfAnother() {
		return func() *attempt { return nil }
	}
	if e.resolved.Target == "" {
		ui.Note(os.Stderr, "logging in to %s", e.alias)
	} else {
		ui.Note(os.Stderr, "logging in to %s, to run one command there: true", e.alias)
	}
	ctx, cancel := openssh.WithPatience(ctx, loginPatience)
	l, done := &attempt{}, make(chan struct{})
	go func() {
		defer close(done)
		l.err = e.logIn(ctx, l)
		if ctx.Err() != nil {
			l.late = context.Cause(ctx)
		}
	}()
	return func() *attempt {
		if e.shut != "" {
			cancel()
		}
		<-done
		cancel()
		return l
	}
}

// checkLogin tells what came of the login.
func (e *examination) checkLogin(loggedIn func() *attempt) {
	const check = "login"
	l := loggedIn()
	switch {
	case e.alias == "":
		return
	case e.ssh == "":
		e.skip(check, e.alias, "there is no ssh")
		return
	case l == nil:
		e.skip(check, e.alias, ofAnother)
		return
	case e.shut != "":
		e.skip(check, e.alias, "%s", e.shut)
		return
	case l.err != nil:
		e.fail(check, e.alias, l.err)
		return
	case l.done:
		e.ok(check, e.alias, "the gateway lets you in, with %s", e.shownKey(l.accepted))
		e.checkSession(l)
		return
	case l.late == nil && l.accepted != "" && e.isLocked(l.accepted):
		e.ok(check, e.alias, "the gateway knows %s; ssh will ask for its passphrase", e.shownKey(l.accepted))
		e.unproven("no command was run, since doctor asks nobody for a passphrase")
		return
	case l.late == nil && len(l.offered) == 0 && len(e.locked) > 0 && login.Denied().MatchString(strings.Join(l.said, "\n")):
		e.skip(check, e.alias, "ssh will ask for the passphrase of %s, and doctor asks nobody", strings.Join(e.locked, ", "))
		return
	}
	f := finding{Check: check, About: e.alias, Status: isFailed}
	for _, key := range l.offered {
		f.Details = append(f.Details, "offered: "+e.shownKey(key))
	}
	for _, line := range l.greeting[max(0, len(l.greeting)-mostQuoted):] {
		f.Details = append(f.Details, "gateway: "+line)
	}
	switch said := strings.Join(l.said, "\n"); {
	case l.late != nil && (len(l.offered) == 0 || e.has("host key", isWarning)):
		f.Status = isWarning
		f.Found, f.Hints = l.late.Error(), []string{ui.SlowWay, "see where it stops: ssh -v " + e.alias}
	case l.late != nil:
		f.Found = fmt.Sprintf("%v: does a security key wait for a touch, or an agent for a yes?", l.late)
		f.Hints = []string{"see where it stops: ssh -v " + e.alias}
	case login.TooMany().MatchString(said):
		f.Found = fmt.Sprintf("the gateway hung up after %d keys; the right one may not have had its turn", len(l.offered))
		f.Hints = []string{e.adviceOnManyKeys()}
	case l.accepted != "":
		f.Found = "the gateway knows a key that ssh could not use: " + e.shownKey(l.accepted)
		f.Hints = []string{"see what ssh says of it: ssh -v " + e.alias}
	case login.Denied().MatchString(said) && len(l.offered) == 0:
		f.Found = "ssh had no key to offer"
		f.Hints = []string{"if yours is not among the keys above: " + e.setupIdentity(), "which keys ssh passes over, and why: ssh -v " + e.alias}
	case login.Denied().MatchString(said):
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
func (l *attempt) reason() (reason string, hints []string) {
	switch {
	case l.refusal != nil:
		return strings.ReplaceAll(l.refusal.Error(), "\n", "; "), ui.Hints(l.refusal)
	case len(l.said) > 0:
		return fmt.Sprintf("ssh says: %q", l.said[len(l.said)-1]), nil
	}
	return "ssh ended without a word", nil
}

// keyTail is what ssh's log says of a key after its name.
var keyTail = pattern.New(`^(?: [A-Z0-9-]+ SHA256:[A-Za-z0-9+/]{43})?(?: (?:agent|token|authenticator))*$`)

// shownKey is a key as ssh's log names it, if it is one of the account's: the gateway can have lines of its own in that log.
func (e *examination) shownKey(text string) string {
	for _, name := range e.keyNames {
		if tail, ok := strings.CutPrefix(text, name); ok && keyTail().MatchString(tail) {
			return text
		}
	}
	return "a key that is not among those above"
}

// isLocked tells whether ssh asks for the passphrase of a key that it names.
func (e *examination) isLocked(key string) bool {
	return slices.ContainsFunc(e.locked, func(locked string) bool { return slices.Contains(strings.Fields(key), locked) })
}

const sessionCheck = "session"

// unproven says that there may be more in the way.
func (e *examination) unproven(why string) {
	if e.resolved.Target != "" {
		e.skip(sessionCheck, e.alias, "not proven: %s", why)
	}
}

// checkSession tells what came of the command. That the gateway lets a key in says nothing of whose key it is.
func (e *examination) checkSession(l *attempt) {
	question := new(bridge.QuestionError)
	switch {
	case e.resolved.Target == "":
	case l.late != nil:
		e.unproven(fmt.Sprintf("the command did not begin, %v", l.late))
	case errors.As(l.session, &question) && len(question.Instances) > 0:
		e.ok(sessionCheck, e.alias, "the gateway asks for one of %s", ui.Counted(len(question.Instances), "instance"))
	case l.session != nil:
		e.fail(sessionCheck, e.alias, ui.HintSession(l.session, e.alias, e.resolved.Gateway))
	case l.status != 0:
		e.warn(sessionCheck, e.alias, fmt.Sprintf("`true` ended with status %d", l.status), "see what it says: ssh "+e.alias+" true")
	default:
		e.ok(sessionCheck, e.alias, "a command runs there")
	}
}

// logIn runs ssh, and goes on with a command if the alias leads to where one can run.
func (e *examination) logIn(ctx context.Context, l *attempt) error {
	a := e.resolved
	a.Run = false
	inner, err := login.Prepare(e.settings, e.alias, a, caller.CommandLine{})
	if err != nil {
		return err
	}
	// What is learnt of the gateway's host key goes to a file of its own: nothing is to change.
	forget, err := inner.RememberElsewhere()
	if err != nil {
		return err
	}
	defer forget()
	args := []string{"-T", "-o", "LogLevel=DEBUG1", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"}
	if !e.layout.Standard {
		args = append([]string{"-F", e.layout.UserFile}, args...)
	}
	if a.Target != "" {
		o := inner.Options(a)
		o.Inner = func(bool) *exec.Cmd {
			cmd := inner.Command(ctx, args...)
			l.offered, l.tried = nil, "" // it may not be the first
			inner.Listen(cmd, func(line string) { l.hear(line) }, nil)
			return cmd
		}
		o.Ended = func(cmd *exec.Cmd) bridge.End {
			end, channels := inner.Ended(cmd)
			l.said, l.refusal = channels.Log.Lines(), channels.Proxy.Refusal()
			return end
		}
		l.status, l.session = bridge.Run(ctx, o, "true", strings.NewReader(""), io.Discard, io.Discard)
		if noisy := new(bridge.ClosedError); errors.As(l.session, &noisy) {
			greeting := new(login.TailBuffer)
			io.WriteString(greeting, noisy.Noise)
			l.greeting = greeting.Lines()
		}
		return nil
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	cmd := inner.Command(ctx, append([]string{"-N", "-n"}, args...)...)
	greeting := new(login.TailBuffer)
	cmd.Stderr = greeting
	cmd.WaitDelay = time.Second
	channels := login.Listen(cmd, func(line string) {
		if l.hear(line) {
			end()
		}
	}, nil)
	if err = cmd.Start(); err == nil {
		cmd.Wait() // how it ended is in its log
	}
	channels.End()
	l.said, l.refusal, l.greeting = channels.Log.Lines(), channels.Proxy.Refusal(), greeting.Lines()
	return err
}

// hear takes a line of what ssh -v logs, and tells whether it is the end of authentication.
func (l *attempt) hear(line string) (done bool) {
	if m := login.Offering().FindStringSubmatch(line); m != nil {
		l.offered = append(l.offered, strings.TrimSpace(m[1]))
		l.tried = ""
	} else if m := login.Trying().FindStringSubmatch(line); m != nil {
		l.tried = m[1]
	} else if l.tried != "" && strings.HasPrefix(line, "debug1: Authentications that can continue") {
		l.offered = append(l.offered, l.tried)
		l.tried = ""
	} else if m := login.Accepted().FindStringSubmatch(line); m != nil {
		l.accepted = strings.TrimSpace(m[1])
	} else if login.Entered().MatchString(line) {
		l.accepted, l.done = cmp.Or(l.accepted, l.tried), true
	}
	return l.done
}
