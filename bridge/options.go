package bridge

import (
	"context"
	"errors"
	"os/exec"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options tell how to reach the instance.
type Options struct {
	// Inner returns a command, not started, that runs ssh to a target: with -T, or with -tt if tty is set. It is called once
	// for each session, from several goroutines. Its ssh must not read from stdin, nor forward anything, of its own
	// accord. Required.
	Inner func(target string, tty bool) *exec.Cmd

	// Line, if set, leads to outposts, which do what a shell does, sooner, and more than a shell can.
	Line Line

	// NoLine is why there is no Line, for what cannot do without.
	NoLine error

	// Ended, if set, is asked once about each command of Inner's, when it has ended or could not be started.
	Ended func(*exec.Cmd) End

	// HostKey is what Serve shows to the client. Required there.
	HostKey ssh.Signer

	// Target is the target of the alias. An exec of exactly this is the interactive session: that is what an ssh sends
	// that shares another's connection.
	Target string

	// Application is whether the target is an application. It may have several instances.
	Application bool

	// Instance says which of an application's instances is meant.
	Instance Selector

	// Ask makes a *QuestionError of it when the application has several instances and Instance is Unselected.
	Ask bool

	// Memory, if set, keeps what is known of the application's instances for those that come after this bridge.
	Memory Memory

	// Chosen, if set, is told which instance was chosen, with Unselected and Any, and between which, if there were others.
	Chosen func(i Instance, between []Instance)

	// Prepare, if set, is called once by Serve, while the client waits to be let in and has not taken over the terminal
	// yet. That is the time to log in, perhaps with a person's help, so that the sessions can share the connection. The
	// client is told its error.
	Prepare func(context.Context) error

	// Message, if set, words an error for the client's user, in printable lines with their line ends. Otherwise the user
	// reads err.Error(). What the gateway said before the error is in NoiseOf(err).
	Message func(error) string

	// Reason, if set, words an error for a client that shows it after words of its own: why there is no connection
	// through the instance. Otherwise that is err.Error().
	Reason func(error) string

	// Warn, if set, is told of errors that do not end a session.
	Warn func(error)

	// Waiting, if set, is called once, when a command has waited for some seconds for a shell on the instance: the gateway
	// is slow, or ssh waits for a person.
	Waiting func()

	// Missing, if set, is called in its stead when there is no instance that is meant, and one is waited for.
	Missing func()

	// Noise, if set, is told what came before a command that began or is tried again, in printable lines. It is for a
	// person who asked ssh to be verbose.
	Noise func(string)

	// ConnectTimeout bounds the wait for an ssh's first byte: it may be waiting for a person. StartTimeout bounds the time
	// from that byte until the command begins. Zero means DefaultConnectTimeout and DefaultStartTimeout.
	ConnectTimeout, StartTimeout time.Duration

	// Patience, if set, is asked when StartTimeout is over. What it returns holds in its stead, if that is longer.
	Patience func() time.Duration
}

// The timeouts of Options that set none.
const (
	DefaultConnectTimeout = 2 * time.Minute
	DefaultStartTimeout   = 30 * time.Second
)

// End is what is known about how an ssh ended. Its exit status tells little: 255 means many things.
type End struct {
	Err      error       // why it opened no session; nil if it did, or nothing is known
	LoggedIn bool        // the gateway let it in
	Lost     func() bool // reports whether the connection ended, and not the command; nil if nothing is known
}

// withDefaults fills in what is not set, except for Waiting, Missing and Noise.
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
