package bridge

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Instance is one of those that the gateway asked to choose from.
type Instance struct {
	ID   string // a UUID
	Text string // what the gateway says of it, printable
}

// QuestionError says that the gateway asked somebody to choose. It got no answer: there is no person to give one.
type QuestionError struct {
	Instances []Instance // none if it asked for something else
}

func (e *QuestionError) Error() string {
	if len(e.Instances) == 0 {
		return "the gateway asks to choose, and only a person at a terminal can answer it"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the application has %d instances; name one of them", len(e.Instances))
	for _, i := range e.Instances {
		fmt.Fprintf(&b, "\n    %s  %s", i.ID, i.Text)
	}
	return b.String()
}

// RefusedError says that the gateway leads to no instance: the application has none, it does not exist, or the key has no
// access to it.
type RefusedError struct {
	Reason string // the gateway's words, printable
}

func (e *RefusedError) Error() string { return "the gateway refuses: " + e.Reason }

// ClosedError says that the way to the instance ended before the command began.
type ClosedError struct {
	How   string // how the inner ssh ended
	Noise string // what came on its streams, in printable lines
	End

	network bool // no shell was at work, and the last words were that the network failed
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

// ErrLost says that the connection ended while the command ran.
var ErrLost = errors.New("the connection to the gateway ended, and the command may still run")

// SilentError says that the command did not begin in time.
type SilentError struct {
	After     time.Duration
	Connected bool   // something came from the other side
	Noise     string // what it was, in printable lines
}

func (e *SilentError) Error() string {
	if e.Connected {
		return fmt.Sprintf("no shell on the instance began the command in %v", e.After)
	}
	return fmt.Sprintf("no answer from the instance in %v", e.After)
}

func (e *ClosedError) noise() string { return e.Noise }
func (e *SilentError) noise() string { return e.Noise }

// NoiseOf returns what came from the other side before err, in printable lines; "" if nothing did.
func NoiseOf(err error) string {
	if noisy, ok := err.(interface{ noise() string }); ok {
		return noisy.noise()
	}
	return ""
}

// ErrNoTerminal says that this system has no pseudo-terminals to run a command in.
var ErrNoTerminal = errors.New("there are no pseudo-terminals on this system")

// errLoginFiles says that the login files ended their shell, or put another in its place.
var errLoginFiles = errors.New("the login files on the instance ended their shell; the command runs without them")
