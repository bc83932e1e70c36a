package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// QuestionError means that the gateway asked to choose. It got no answer, because nobody is there to give one.
type QuestionError struct {
	Instances []Instance // none if it asked for something else
	Ended     bool       // it listed these, and ended the session without a question
}

func (e *QuestionError) Error() string {
	switch {
	case e.Ended:
		return fmt.Sprintf("the gateway listed %d instances and ended the session", len(e.Instances)) + table(e.Instances)
	case len(e.Instances) == 0:
		return "the gateway asks for a choice that only a person at a terminal can make"
	}
	return fmt.Sprintf("the application has %d instances; name one of them", len(e.Instances)) + table(e.Instances)
}

// NoInstanceError means that an application has instances, but none of those that were meant.
type NoInstanceError struct {
	Selector  Selector
	Instances []Instance // all instances
}

func (e *NoInstanceError) Error() string {
	missing := "no instance of the application is UP"
	if _, ok := e.Selector.number(); ok {
		missing = fmt.Sprintf("the application has no instance %s", e.Selector)
	} else if e.Selector == Build {
		missing = "the application has no build VM"
	}
	return missing + "; it has:" + table(e.Instances)
}

// table shows instances, each on a line of its own.
func table(list []Instance) string {
	var b strings.Builder
	for at, i := range list {
		if at == maxShown {
			fmt.Fprintf(&b, "\n    and %d more", len(list)-maxShown)
			break
		}
		fmt.Fprintf(&b, "\n    %s  %s", i.ID, i.Text)
	}
	return b.String()
}

// maxShown is how many instances an error shows: nobody reads more.
const maxShown = 50

// AllError means that something works with one instance at a time, and not with all.
type AllError struct {
	What string // "files", "a terminal" or "a tunnel"
}

func (e *AllError) Error() string {
	return fmt.Sprintf("only commands run on all instances at once; for %s, name one instance", e.What)
}

// PartError means that a command failed on some of its instances.
type PartError struct {
	Failed []Failure
	Of     int // how many there were
}

// Failure tells how a command failed on one instance.
type Failure struct {
	Label  string // the beginning of its lines
	Status int
	Err    error // nil if it ran to its end
	end    exit
}

func (e *PartError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the command failed on %d of %d instances", len(e.Failed), e.Of)
	for _, f := range e.Failed {
		how := fmt.Sprintf("exit status %d", f.Status)
		if f.Err != nil {
			how, _, _ = strings.Cut(f.Err.Error(), "\n")
		}
		fmt.Fprintf(&b, "\n    %s: %s", f.Label, how)
	}
	return b.String()
}

// sort sorts the failures by their labels.
func (e *PartError) sort() {
	slices.SortFunc(e.Failed, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(len(a.Label), len(b.Label)), strings.Compare(a.Label, b.Label))
	})
}

func (e *PartError) worst() exit {
	return slices.MaxFunc(e.Failed, func(a, b Failure) int { return cmp.Compare(a.Status, b.Status) }).end
}

// ForeignError means that an instance listed for one application says that it belongs to another. Nothing runs
// there.
type ForeignError struct{ ID string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the instance %s belongs to another application: the list of instances cannot be trusted", e.ID)
}

// RefusedError means that the gateway leads to no instance: the application has none, it does not exist, or the
// key has no access to it.
type RefusedError struct {
	Reason string // the gateway's words, printable
}

func (e *RefusedError) Error() string { return "the gateway refuses: " + e.Reason }

// ClosedError means that the connection to the instance ended before the command began.
type ClosedError struct {
	How   string // how the inner ssh ended
	Noise string // the output on its streams, in printable lines
	End

	network bool // no shell was running, and the last words said that the network failed
}

func (e *ClosedError) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.LoggedIn:
		return fmt.Sprintf("the gateway let ssh in, but the connection ended before the command began (%s)", e.How)
	}
	return fmt.Sprintf("the connection ended before the command began (%s)", e.How)
}

func (e *ClosedError) Unwrap() error { return e.Err }

// WayError means that the way to the instance is not a plain pipe: no command can rely on getting, or sending, the
// right bytes.
type WayError struct{ Fault Fault }

// wayAround reports whether a session with a terminal may work where one without a terminal failed.
func wayAround(err error) bool {
	fault, closed := new(WayError), new(ClosedError)
	switch {
	case errors.As(err, &fault):
		return fault.Fault != Restricted
	case errors.As(err, &closed):
		return closed.Err == nil && !closed.network
	}
	return errors.As(err, new(*SilentError))
}

// Fault is what is wrong with the way to an instance.
type Fault int

const (
	ChangingInput  Fault = iota // the bytes that arrive there are not the ones sent
	ChangingOutput              // the bytes that arrive here are not the ones sent
	Echoing                     // input comes back
	Merging                     // stdout and stderr are one stream
	HiddenTerminal              // the session has a terminal that nobody asked for
	Restricted                  // the shell there does not start /bin/sh
	KeepingOpen                 // the end of the input does not arrive
)

func (e *WayError) Error() string {
	return [...]string{
		ChangingInput:  "the connection to the instance changes the bytes that it carries there; the command did not run",
		ChangingOutput: "the connection to the instance changes the bytes that it carries back; the command did not run",
		Echoing:        "the connection to the instance sends back what it receives; the command was stopped",
		Merging:        "the connection to the instance mixes stdout and stderr; the command did not run",
		HiddenTerminal: "the gateway gave the session a terminal that clever-ssh did not ask for; the command did not run",
		Restricted:     "the login shell on the instance does not start /bin/sh; the command did not run",
		KeepingOpen:    "the connection to the instance does not carry the end of the input, so the command, which may be waiting for it, was stopped",
	}[e.Fault]
}

// ErrLost means that the connection ended while the command ran.
var ErrLost = errors.New("the connection to the gateway ended; the command may still be running")

// SilentError means that the command did not begin in time.
type SilentError struct {
	After     time.Duration
	Connected bool   // the other side sent something
	Noise     string // what it sent, in printable lines
}

func (e *SilentError) Error() string {
	if e.Connected {
		return fmt.Sprintf("no shell on the instance started the command within %v", e.After)
	}
	return fmt.Sprintf("no answer from the instance within %v", e.After)
}

func (e *ClosedError) noise() string { return e.Noise }
func (e *SilentError) noise() string { return e.Noise }

// NoiseOf returns what the other side sent before err, in printable lines, or "".
func NoiseOf(err error) string {
	if noisy, ok := err.(interface{ noise() string }); ok {
		return noisy.noise()
	}
	return ""
}

// ErrNoTerminal means that this system has no pseudo-terminals to run a command in.
var ErrNoTerminal = errors.New("this system has no pseudo-terminals")

// errReplaced means that the command should go to another instance by now. It does not run on this one.
var errReplaced = errors.New("another instance has replaced this one")

// errLoginFiles means that the login files ended their shell, or replaced it with another one.
var errLoginFiles = errors.New("the login files on the instance ended the shell; the command runs without them")
