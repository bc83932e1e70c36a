package survey

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// probe is one thing that clever-ssh assumes about a gateway, and how to find out whether it is true.
type probe struct {
	name    string
	expects string        // in a few words; empty if nobody knows
	depends string        // which part of clever-ssh depends on it
	within  time.Duration // how long it may take; patience if zero
	see     func(ctx context.Context, s *survey) seen
}

// patience is how long a probe may take.
const patience = 12 * time.Second

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

// worded is an error with a text of ours, and the other side's text beside it.
type worded struct {
	text string
	raw  string
}

func (w *worded) Error() string { return w.text + ": " + w.raw }

// group is a number of probes that need the same things.
type group struct {
	title   string
	unless  func(s *survey) string // why they cannot be asked; empty if they can
	atOnce  bool                   // they may run in parallel
	members []probe
}
