package bridge

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options tell how to reach the instance.
type Options struct {
	// Inner returns a command, not started, that runs ssh to a target: with -T, or with -tt if tty is set. It
	// is called once for each session, from several goroutines. Its ssh must not read from stdin, nor forward
	// anything, of its own accord. Required.
	Inner func(target string, tty bool) *exec.Cmd

	// Line, if set, leads to outposts. They do what a shell does, only sooner, and some things that a shell
	// cannot.
	Line Line

	// NoLine is the reason why there is no Line, for messages about features that need one.
	NoLine error

	// Ended, if set, is asked once about each of Inner's commands, when it has ended or could not be started.
	Ended func(*exec.Cmd) End

	// HostKey is the host key that Serve shows to the client. Serve requires it.
	HostKey ssh.Signer

	// Target is the target of the alias. An exec of exactly this is the interactive session: an ssh that
	// shares another's connection sends it.
	Target string

	// Application is whether the target is an application. It may have several instances.
	Application bool

	// Instance says which of an application's instances is meant.
	Instance Selector

	// Ask means: if the application has several instances and Instance is Unselected, return a
	// *QuestionError.
	Ask bool

	// Memory, if set, keeps the list of the application's instances for later bridges.
	Memory Memory

	// Chosen, if set, is called when Instance is Unselected or Any and there are several instances. It gets
	// the chosen one, and the list.
	Chosen func(i Instance, between []Instance)

	// Prepare, if set, is called once by Serve, while the client waits to be let in and has not taken over
	// the terminal yet. That is the time to log in, perhaps with a person's help, so that the sessions can
	// share the connection. If Prepare fails, the client is told the error.
	Prepare func(context.Context) error

	// Gone, if set, is called when Serve sees that the client has gone, perhaps more than once and from several
	// goroutines. Serve may go on for some seconds after that.
	Gone func()

	// Message, if set, words an error for the client's user, in printable lines with their line ends.
	// Otherwise the user reads err.Error(). NoiseOf(err) has what the gateway said before the error.
	Message func(error) string

	// Reason, if set, words an error for a client that shows it after words of its own: the reason why there
	// is no connection through the instance. Otherwise the client gets err.Error().
	Reason func(error) string

	// Warn, if set, is told of errors that do not end a session.
	Warn func(error)

	// Waiting, if set, is called once, when a command has waited for some seconds for a shell on the
	// instance: the gateway is slow, or ssh waits for a person.
	Waiting func()

	// Missing, if set, is called instead of Waiting when the instance that is meant is not there and the
	// bridge waits for it.
	Missing func()

	// Noise, if set, gets everything that came before a command that began or is tried again, in printable
	// lines. It is for a person who asked ssh to be verbose.
	Noise func(string)

	// ConnectTimeout bounds the wait for an ssh's first byte, in which it may be waiting for a person.
	// StartTimeout bounds the time from that byte until the command begins. Zero means DefaultConnectTimeout
	// and DefaultStartTimeout.
	ConnectTimeout, StartTimeout time.Duration

	// Patience, if set, is asked when StartTimeout is over. If it returns a longer time, that time applies
	// instead.
	Patience func(context.Context) time.Duration
}

// The default timeouts.
const (
	DefaultConnectTimeout = 2 * time.Minute
	DefaultStartTimeout   = 30 * time.Second
)

// End tells how an ssh ended. Its exit status tells little: 255 means many things.
type End struct {
	Err      error       // why it opened no session; nil if it did, or the reason is unknown
	LoggedIn bool        // the gateway let it in
	Lost     func() bool // reports whether the connection ended, and not the command; nil if unknown
}

// withDefaults fills in the options that are not set, except for Waiting, Missing and Noise.
func (o Options) withDefaults() Options {
	if o.NoLine == nil {
		o.NoLine = errors.New("there is none")
	}
	if o.Message == nil {
		o.Message = func(err error) string { return err.Error() + "\n" }
	}
	if o.Reason == nil {
		o.Reason = error.Error
	}
	if o.Ended == nil {
		o.Ended = func(*exec.Cmd) End { return End{} }
	}
	if o.Gone == nil {
		o.Gone = func() {}
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = DefaultStartTimeout
	}
	return o
}

// Listing is a list of an application's instances at a point in time.
type Listing struct {
	Time      time.Time
	Instances []Instance
	Chosen    string // the id of the instance that Unselected stands for while it is UP; empty before the first choice
}

// Memory keeps a listing for as long as the connection to the gateway stays open. Its methods may be called
// from several goroutines.
type Memory interface {
	Recall() *Listing // nil if nothing is stored
	Remember(Listing)
	Forget()
}

// Line leads to the outposts on the instances.
type Line interface {
	// Open returns a new stream to the outpost on the instance that a target leads to, as outpost/wire has
	// it. If none runs yet, Open starts one and waits for it, or returns ErrNotYet if wait is false; then it
	// may leave the start to a caller that waits. Any other error says why there is no outpost. Closing the
	// stream ends whatever it is for.
	Open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error)
}
