package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/pattern"
)

// mostQuoted is how many of the gateway's last lines are shown.
const mostQuoted = 5

// checkLogin reports how the login went.
func (e *examination) checkLogin(loggedIn func() *attempt) {
	const check = "login"
	l := loggedIn()
	switch {
	case e.alias == "":
	case e.ssh == "":
		e.skip(check, e.alias, "ssh was not found")
	case l == nil:
		e.skip(check, e.alias, ofAnother)
	case e.blocked != "":
		e.skip(check, e.alias, "%s", e.blocked)
	case l.err != nil:
		e.fail(check, e.alias, l.err)
	case l.letIn:
		e.ok(check, e.alias, "the gateway lets you in, with %s", e.shownKey(l.accepted))
		e.checkSession(l)
	case l.timeout == nil && l.accepted != "" && e.isLocked(l.accepted):
		e.ok(check, e.alias, "the gateway knows %s; ssh will ask for its passphrase", e.shownKey(l.accepted))
		e.unproven("no command was run, because doctor never asks for a passphrase")
	case l.timeout == nil && len(l.offered) == 0 && len(e.locked) > 0 && login.Denied().MatchString(strings.Join(l.log, "\n")):
		e.skip(check, e.alias, "ssh will ask for the passphrase of %s, which doctor never does", strings.Join(e.locked, ", "))
	default:
		status, found, hints := e.whyNoLogin(l)
		e.add(finding{Check: check, About: e.alias, Status: status, Found: found, Details: e.traces(l), Hints: hints})
	}
}

// whyNoLogin explains why a login failed, or says that it was only too slow.
func (e *examination) whyNoLogin(l *attempt) (s status, found string, hints []string) {
	where := "see where it stops: ssh -v " + e.alias
	switch said := strings.Join(l.log, "\n"); {
	case l.timeout != nil && (len(l.offered) == 0 || e.has(hostKeyCheck, statusWarning)):
		return statusWarning, l.timeout.Error(), []string{ui.SlowWay, where}
	case l.timeout != nil:
		return statusFailed, fmt.Sprintf("%v: is a security key waiting for a touch, or an agent for confirmation?", l.timeout), []string{where}
	case login.TooMany().MatchString(said):
		return statusFailed, fmt.Sprintf("the gateway hung up after %d keys, perhaps before the right one", len(l.offered)), []string{e.manyKeysHint()}
	case l.accepted != "":
		return statusFailed, "the gateway knows a key that ssh could not use: " + e.shownKey(l.accepted), []string{"see what ssh says about it: ssh -v " + e.alias}
	case login.Denied().MatchString(said) && len(l.offered) == 0:
		return statusFailed, "ssh had no key to offer",
			[]string{"if yours is not among the keys above: " + e.setupIdentity(), "to see which keys ssh skips, and why: ssh -v " + e.alias}
	case login.Denied().MatchString(said):
		return statusFailed, "the gateway knows none of the keys that ssh offered",
			[]string{"register the public half of one in the console, under Profile, SSH keys, in the account that owns the application",
				"or name the one that is registered: " + e.setupIdentity()}
	}
	found, hints = l.reason()
	return statusFailed, found, append(hints, "see how far it gets: ssh -v "+e.alias)
}

// traces returns the keys that a login offered, and the gateway's last lines.
func (e *examination) traces(l *attempt) (lines []string) {
	for _, key := range l.offered {
		lines = append(lines, "offered: "+e.shownKey(key))
	}
	for _, line := range l.greeting[max(0, len(l.greeting)-mostQuoted):] {
		lines = append(lines, "gateway: "+line)
	}
	return lines
}

// keyTail matches the rest of a line of ssh's log after a key's name.
var keyTail = pattern.New(`^(?: [A-Z0-9-]+ SHA256:[A-Za-z0-9+/]{43})?(?: (?:agent|token|authenticator))*$`)

// shownKey returns a key as ssh's log names it, if it is one of the account's: the gateway can write lines of
// its own into that log.
func (e *examination) shownKey(text string) string {
	for _, name := range e.keyNames {
		if tail, ok := strings.CutPrefix(text, name); ok && keyTail().MatchString(tail) {
			return text
		}
	}
	return "a key that is not listed above"
}

// isLocked reports whether ssh asks for the passphrase of a key that its log names.
func (e *examination) isLocked(key string) bool {
	return slices.ContainsFunc(e.locked, func(locked string) bool { return slices.Contains(strings.Fields(key), locked) })
}

const sessionCheck = "session"

// unproven says that there may be other problems.
func (e *examination) unproven(why string) {
	if e.resolved.Target != "" {
		e.skip(sessionCheck, e.alias, "not checked: %s", why)
	}
}

// checkSession reports how the command went. A gateway that lets a key in does not tell whose key it is.
func (e *examination) checkSession(l *attempt) {
	question := new(bridge.QuestionError)
	switch {
	case e.resolved.Target == "":
	case l.timeout != nil:
		e.unproven(fmt.Sprintf("the command did not start, %v", l.timeout))
	case errors.As(l.session, &question) && len(question.Instances) > 0:
		e.ok(sessionCheck, e.alias, "the gateway asks you to choose one of %s", ui.Counted(len(question.Instances), "instance"))
	case e.causeOf(l) != nil:
		cause := e.causeOf(l)
		e.add(finding{Check: sessionCheck, About: e.alias, Status: statusFailed, Found: cause.Error(), Details: []string{l.session.Error()}, Hints: ui.Hints(cause)})
	case l.session != nil:
		e.fail(sessionCheck, e.alias, ui.HintSession(l.session, e.resolved))
	case l.status != 0:
		e.warn(sessionCheck, e.alias, fmt.Sprintf("`true` ended with status %d", l.status), "see what it says: ssh "+e.alias+" true")
	default:
		e.ok(sessionCheck, e.alias, "commands run there")
		e.checkOutpost()
	}
}
