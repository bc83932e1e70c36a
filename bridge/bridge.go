// Package bridge runs commands on an instance whose gateway has interactive sessions only, and serves them to
// an SSH client: exec, shell and subsystem requests, terminals, and connections to the instance's network.
//
// The client speaks SSH with this package over a pipe, as with any server. For each of its sessions, the
// system's own ssh opens a session at the gateway, where a shell reads commands from its stdin. The package
// writes a script there that prints a random marker and then runs the client's command in place of that shell.
// Everything before the marker comes from the gateway. Everything after it, in either direction, belongs to
// the command, byte for byte.
//
// The package promises four things. The client's data never reaches a shell as a command, or the gateway as an
// answer. Stdout and stderr hold what the command wrote and nothing else. A command ends with its client.
// Memory is bounded, whichever side stalls. The package holds no key and sees no password: ssh logs in, and
// checks the gateway.
package bridge

import (
	"context"
	"io"
	"time"
)

// bridge leads to one instance.
type bridge struct {
	options Options
	starter *starter
}

func newBridge(o Options) *bridge {
	o = o.withDefaults()
	return &bridge{options: o, starter: newStarter(o)}
}

// wait waits for background work to finish once no command is running.
func (b *bridge) wait(patience time.Duration) {
	b.starter.signals.wait()
	b.starter.chooser.wait(patience)
}

// Run runs one command on the instance, or on all of them, without an SSH client or a terminal, and returns its
// exit status. An error means that the command did not begin, that it was ended because ctx was done, or that
// nobody knows how it ended. A read from stdin may still be under way when Run returns.
//
// If the command did not begin, the error is a *QuestionError, *NoInstanceError, *RefusedError, *ForeignError,
// *ClosedError, *SilentError, *WayError or ctx.Err(), or ssh could not be started. With ErrLost, the command may
// still be running; with ErrBroken, it was ended. A *WayError may also end a command. With All, the error is one of
// these, an *AllError or a *PartError, and the status is the worst.
func Run(ctx context.Context, o Options, command string, stdin io.Reader, stdout, stderr io.Writer) (status int, err error) {
	b := newBridge(o)
	defer b.wait(0)
	if o.Instance == All {
		end, err := b.starter.runOnAll(ctx, newScript(command, nil), streams{stdin, stdout, stderr}, func(job) {})
		return end.status, err
	}
	end, err := runJob(ctx, streams{stdin, stdout, stderr}, func(job) {}, func() (job, error) { return b.starter.begin(ctx, newScript(command, nil)) })
	return end.status, err
}

// List returns the instances of an application, as the gateway lists them now. If the gateway leads straight to
// the only instance, without a list, that instance is UP, and has an id and a number if its environment holds
// them. The error is one of Run's.
func List(ctx context.Context, o Options) ([]Instance, error) {
	b := newBridge(o)
	defer b.wait(0)
	list, err := b.starter.opener.list(ctx)
	if err == nil && o.Application {
		b.starter.chooser.note(list)
	}
	return list, err
}

// Find returns the target of the instance that is meant. It reads the list and looks at the instance, because
// nobody can check later whose it is. The error is one of Run's.
func Find(ctx context.Context, o Options) (target string, err error) {
	b := newBridge(o)
	defer b.wait(0)
	return b.starter.find(ctx)
}
