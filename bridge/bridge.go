// Package bridge runs commands on an instance whose gateway has interactive sessions only, and serves them to an SSH
// client: exec, shell and subsystem requests, terminals, and connections to the instance's network.
//
// The client speaks SSH with this package over a pipe, as with any server. For each of its sessions, the system's own
// ssh opens a session at the gateway, where a shell reads commands from its stdin. The package writes a script there
// that prints a random marker and then runs the client's command in place of that shell. What comes before the marker is
// the gateway's talk; what comes after it, in either direction, is the command's, byte for byte.
//
// It promises that no data of the client's reaches a shell as a command, or the gateway as an answer; that stdout and
// stderr hold what the command wrote and nothing else; that a command ends with its client; and that memory is bounded,
// whichever side stalls. It holds no key and sees no password: ssh logs in, and checks the gateway.
package bridge

import (
	"context"
	"io"
	"time"
)

// bridge is the way to one instance.
type bridge struct {
	options Options
	starter *starter
}

func newBridge(o Options) *bridge {
	o = o.withDefaults()
	return &bridge{options: o, starter: newStarter(o)}
}

// wait waits for what still goes on when no command runs any more.
func (b *bridge) wait(patience time.Duration) {
	b.starter.signals.wait()
	b.starter.ending.work.Wait() // a look ends with its command
	b.starter.chooser.wait(patience)
}

// Run runs one command on the instance, or on all of them, without an SSH client and without a terminal, and returns its exit status. An
// error means that the command did not begin, that it was ended because ctx was done, or that its end is not known. A
// read from stdin may still be under way when Run returns.
//
// The error is a *QuestionError, *NoInstanceError, *RefusedError, *ClosedError, *SilentError or ctx.Err(), or ssh could not be
// started; or it is ErrLost, and the command may still run. With All it is one of these, or an *AllError, or a *PartError, and the
// status is the worst.
func Run(ctx context.Context, o Options, command string, stdin io.Reader, stdout, stderr io.Writer) (status int, err error) {
	b := newBridge(o)
	defer b.wait(0)
	if o.Instance == All {
		end, err := b.runOnAll(ctx, newScript(command, nil), streams{stdin, stdout, stderr}, func(job) {})
		return end.status, err
	}
	j, err := b.starter.begin(ctx, newScript(command, nil))
	if err != nil {
		return StatusFailed, err
	}
	end, err := j.carry(ctx, streams{stdin, stdout, stderr})
	return end.status, err
}

// List returns the instances of an application, as the gateway lists them now. If it leads to the only one without a list, that is
// UP, and has an id and a number if the environment there has them. The error is one of Run's.
func List(ctx context.Context, o Options) ([]Instance, error) {
	b := newBridge(o)
	defer b.wait(0)
	list, err := b.starter.list(ctx)
	if err == nil && o.Application {
		b.starter.chooser.note(list)
	}
	return list, err
}

// Find returns the target of the instance that is meant, after a look at the list, and at the instance: whose it is, nobody can check
// later. The error is one of Run's.
func Find(ctx context.Context, o Options) (target string, err error) {
	b := newBridge(o)
	defer b.wait(0)
	return b.starter.find(ctx)
}
