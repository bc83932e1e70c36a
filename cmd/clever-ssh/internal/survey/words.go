package survey

import (
	"context"
	"errors"
	"fmt"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/crypto/ssh"
)

// verdict is the result of a probe.
type verdict string

const (
	asExpected verdict = "ok"
	surprising verdict = "surprise"
	learned    verdict = "learned" // nothing was expected
	notAsked   verdict = "not asked"
)

// seen is what a probe has seen, in our own words: it holds nothing that the other side wrote. That text is in
// raw, which only people who ask for it can see.
type seen struct {
	verdict verdict
	text    string
	details []string // more lines
	raw     []string // escaped when it is shown
}

// judge returns what was seen where something was expected.
func judge(asWanted bool, format string, args ...any) seen {
	v := surprising
	if asWanted {
		v = asExpected
	}
	return seen{verdict: v, text: fmt.Sprintf(format, args...)}
}

// learn returns what was seen where nothing was expected.
func learn(format string, args ...any) seen {
	return seen{verdict: learned, text: fmt.Sprintf(format, args...)}
}

// skip returns the reason why a probe was not asked.
func skip(format string, args ...any) seen {
	return seen{verdict: notAsked, text: fmt.Sprintf(format, args...)}
}

// with adds the other side's text.
func (s seen) with(raw ...string) seen {
	s.raw = append(s.raw, raw...)
	return s
}

func yesNo(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// orNone counts things.
func orNone(n int, thing string) string {
	if n == 0 {
		return "none"
	}
	return ui.Counted(n, thing)
}

// unable returns what was seen if no shell answered this time.
func unable(err error) seen {
	return judge(false, "%s", inWords(asWorded(err))).with(err.Error())
}

// inWords returns why a probe failed. An error's own text may hold the other side's words, names and addresses.
func inWords(err error) string {
	word, refused := new(worded), new(refusedSession)
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("the session was refused (reason %d)", uint32(refused.why.Reason))
	case errors.As(err, &word):
		return word.text
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return "the connection failed"
}

// asWorded returns our words for an error of begin.
func asWorded(err error) error {
	if none := new(noShell); errors.As(err, &none) {
		return none.asWorded()
	}
	return err
}

// worded is an error with a text of ours, and the other side's text beside it.
type worded struct {
	text string
	raw  string
}

func (w *worded) Error() string { return w.text + ": " + w.raw }

// refusedSession means that the gateway opens no session.
type refusedSession struct{ why *ssh.OpenChannelError }

func (e *refusedSession) Error() string { return e.why.Error() }

// noShell means that a session led to no shell.
type noShell struct {
	out, err string
	said     error // the gateway's answer: a *bridge.QuestionError, a *bridge.RefusedError or nil
	ended    bool
	how      string
}

func (e *noShell) Error() string { return inWords(e.asWorded()) + ": " + e.out + e.err }

// asWorded returns our words for what came instead of a shell.
func (e *noShell) asWorded() error {
	raw := e.out + e.err
	switch {
	case errors.As(e.said, new(*bridge.RefusedError)):
		return &worded{"refused, " + e.how, raw}
	case errors.As(e.said, new(*bridge.QuestionError)):
		return &worded{"a question", raw}
	case e.ended:
		return &worded{"it ended, " + e.how, raw}
	}
	return &worded{"no shell in time", raw}
}
