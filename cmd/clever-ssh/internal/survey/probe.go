package survey

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// probe is one thing that clever-ssh assumes of a gateway, and how to find out whether it is so.
type probe struct {
	name    string
	expects string        // in a few words; empty if nobody knows
	depends string        // what of clever-ssh depends on it
	within  time.Duration // how long it may take; patience if zero
	see     func(ctx context.Context, s *survey) seen
}

// patience bounds a probe.
const patience = 12 * time.Second

// verdict is what a probe has come to.
type verdict string

const (
	asExpected verdict = "ok"
	surprising verdict = "surprise"
	learned    verdict = "learned" // nothing was expected
	notAsked   verdict = "not asked"
)

// seen is what a probe has seen, in our own words: nothing in it was written by the other side. That is in raw, which is shown to nobody
// who has not asked for it.
type seen struct {
	verdict verdict
	text    string
	details []string // more lines
	raw     []string // escaped when it is shown
}

// judge is what was seen where something was expected.
func judge(asWanted bool, format string, args ...any) seen {
	v := surprising
	if asWanted {
		v = asExpected
	}
	return seen{verdict: v, text: fmt.Sprintf(format, args...)}
}

// learn is what was seen where nothing was expected.
func learn(format string, args ...any) seen {
	return seen{verdict: learned, text: fmt.Sprintf(format, args...)}
}

// skip says why nothing was asked.
func skip(format string, args ...any) seen {
	return seen{verdict: notAsked, text: fmt.Sprintf(format, args...)}
}

// with adds what the other side has written.
func (s seen) with(raw ...string) seen {
	s.raw = append(s.raw, raw...)
	return s
}

// inWords says why a probe came to no end. An error's own text may hold the other side's words, names and addresses.
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

// worded is an error whose text is ours, with the other side's beside it.
type worded struct {
	text string
	raw  string
}

func (w *worded) Error() string { return w.text + ": " + w.raw }

// group is some probes that need the same.
type group struct {
	title   string
	unless  func(s *survey) string // why they cannot be asked; empty if they can
	atOnce  bool                   // they may run side by side
	members []probe
}
