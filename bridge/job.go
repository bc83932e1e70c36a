package bridge

import (
	"context"
	"io"
)

// job is a command that has begun.
type job interface {
	// carry carries the command's streams. It returns when the command has ended and all its output was
	// written, or when ctx is done; then it hangs up the command. The error is ErrLost, ErrBroken or ctx.Err(),
	// or says why there was no command.
	carry(ctx context.Context, with streams) (exit, error)

	// signal sends a signal to the command, and reports whether it could. The name has no SIG.
	signal(name string) bool
}

// streams are a command's streams on this side. Once the command has ended, nobody waits for a read from stdin.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// runJob begins a command with begin, tells began about it, and runs it to its end.
func runJob(ctx context.Context, with streams, began func(job), begin func() (job, error)) (exit, error) {
	j, err := begin()
	if err != nil {
		return exit{status: StatusFailed}, err
	}
	began(j)
	return j.carry(ctx, with)
}
