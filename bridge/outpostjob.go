package bridge

import (
	"context"
	"errors"
	"io"

	"clever-ssh/outpost/wire"
)

// outpostJob is a command that an outpost runs, or the SFTP server that it is itself.
type outpostJob struct {
	*stream
	warn func(error)
}

func (j *outpostJob) signal(name string) bool {
	return isSignal(name) && j.send(wire.TypeSignal, []byte(name)) == nil
}

func (j *outpostJob) carry(ctx context.Context, with streams) (exit, error) {
	defer j.close()
	go func() {
		j.sendAll(with.stdin)
		if c, ok := with.stdin.(*io.PipeReader); ok {
			c.Close() // no writer must wait for this command any more
		}
	}()
	type end struct {
		exit
		err error
	}
	ended := make(chan end, 1)
	go func() {
		e, err := j.receive(with)
		ended <- end{e, err}
	}()
	select {
	case e := <-ended:
		return e.exit, e.err
	case <-ctx.Done():
		return exit{status: StatusFailed}, ctx.Err()
	}
}

// receive passes on the command's output until the command ends. If some output could not be written here, a
// success becomes a failure.
func (j *outpostJob) receive(with streams) (exit, error) {
	var unwritten error
	in := wire.NewInbox(j.give)
	in.Start(func(t wire.Type, data []byte) {
		to := with.stdout
		if t == wire.TypeErrorData {
			to = with.stderr
		}
		if _, err := to.Write(data); err != nil && unwritten == nil {
			unwritten = err
			j.signal("PIPE") // nobody reads it any more
		}
	}, nil)
	e, err := j.read(in)
	in.Wait()
	if err == nil && e == (exit{}) {
		if err = notWritten(unwritten); err != nil {
			e.status = StatusFailed
		}
	}
	return e, err
}

// maxNotes is how many notes of an outpost are shown: an honest one has one.
const maxNotes = 3

// read reads frames until the command ends.
func (j *outpostJob) read(in *wire.Inbox) (exit, error) {
	failed := exit{status: StatusFailed}
	notes := 0
	for {
		t, payload, err := j.next()
		if errors.Is(err, wire.ErrMalformed) {
			return failed, err
		}
		if err != nil {
			return failed, ErrBroken
		}
		switch t {
		case wire.TypeData, wire.TypeErrorData:
			if err := in.Add(t, payload); err != nil {
				return failed, err
			}
		case wire.TypeNote:
			if notes++; notes <= maxNotes {
				j.warn(errors.New(outpostText(payload)))
			}
		case wire.TypeFailed:
			return failed, &outpostFailure{outpostText(payload)}
		case wire.TypeExit:
			return readExit(payload)
		case wire.TypeBegun, wire.TypeEOF:
		default:
			return failed, wire.ErrMalformed
		}
	}
}

// readExit reads how a command ended. Only an explicit status 0 counts as success.
func readExit(payload []byte) (exit, error) {
	e, err := wire.ParseExit(payload)
	if err != nil {
		return exit{status: StatusFailed}, err
	}
	if e.Signal != "" {
		if !signalName(e.Signal) {
			return exit{status: StatusFailed}, wire.ErrMalformed
		}
		return exit{status: StatusFailed, signal: e.Signal, core: e.Core}, nil
	}
	if e.Status > 255 {
		return exit{status: StatusFailed}, nil
	}
	return exit{status: int(e.Status)}, nil
}

// signalName reports whether a client may be told this name for a signal: one of SSH's own, or a local one
// (RFC 4254, section 6.10).
func signalName(name string) bool {
	if len(name) > 32 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '@' && c != '.' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
