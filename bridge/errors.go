package bridge

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"clever-ssh/internal/quote"
)

// Instance is one of those that the gateway has asked to choose from.
type Instance struct {
	ID   string // a UUID
	Text string // what the gateway says of it, printable
}

// QuestionError says that the gateway wants a person to choose. There is none, and it is not answered.
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

// RefusedError says that the gateway leads to no instance: there is none, it does not exist, or it belongs to somebody
// else than the key.
type RefusedError struct {
	Reason string // the gateway's words, printable
}

func (e *RefusedError) Error() string { return "the gateway refuses: " + e.Reason }

// ClosedError says that the way to the instance ended before the command began.
type ClosedError struct {
	How   string // how the inner ssh ended
	Noise string // what came on its streams, in printable lines
	End

	network bool // nothing had begun, and the last words were those of a network
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

// errLoginFiles says that the login files ended their shell, or exec'ed another.
var errLoginFiles = errors.New("the login files on the instance ended their shell; the command runs without them")

var instanceLine = regexp.MustCompile(`(?m)^\s*\d+\) (.*) \(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)\s*$`)

// question reads the gateway's question: a numbered list, then a prompt, after which it waits. Whatever it was sent
// before is an answer to it, so that there may be several prompts, and on a terminal the answer's echo.
func question(noise string) *QuestionError {
	const prompt = "Your choice:"
	at := strings.Index(noise, prompt)
	if at < 0 {
		return nil
	}
	err := &QuestionError{}
	for _, match := range instanceLine.FindAllStringSubmatch(strings.ReplaceAll(noise[:at], "\r\n", "\n"), maxInstances) {
		err.Instances = append(err.Instances, Instance{ID: match[2], Text: strings.ReplaceAll(quote.Lines(match[1]), "\n", " ")})
	}
	if len(err.Instances) == 0 && !strings.HasSuffix(strings.TrimRight(noise, " "), prompt) {
		return nil // it may be anybody's words
	}
	return err
}

// maxInstances is more than a person can read, and than an application has.
const maxInstances = 200

var refusals = []string{"no instances you can ssh to", "The specified instance does not exist"}

// refusal finds the gateway's answer to a target that it does not lead to.
func refusal(noise string) *RefusedError {
	for line := range strings.Lines(noise) {
		for _, known := range refusals {
			if !strings.Contains(line, known) {
				continue
			}
			if at := strings.Index(line, "Error: "); at > 0 { // a terminal has shown something of ours before it
				line = line[at:]
			}
			return &RefusedError{Reason: strings.TrimSpace(quote.Lines(line))}
		}
	}
	return nil
}
