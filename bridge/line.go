package bridge

import (
	"context"
	"errors"
	"io"
)

// ErrNotYet means that an outpost is on its way.
var ErrNotYet = errors.New("the outpost is not running yet")

// ErrBroken means that the line to an instance broke while a command ran there. The outpost hangs up what it
// has started, as sshd does.
var ErrBroken = errors.New("the connection to the instance ended, and the command may have done part of its work")

// OutpostError means that something needs the outpost, and there is none.
type OutpostError struct {
	What string // "-R", "-A" and the like
	Err  error  // why there is no outpost
}

func (e *OutpostError) Error() string { return e.What + " needs the outpost: " + e.Err.Error() }

func (e *OutpostError) Unwrap() error { return e.Err }

// withoutOutpost returns the error for a feature that needs the outpost when there is none.
func (s *starter) withoutOutpost(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &OutpostError{what, err}
}

// open opens a stream to the outpost on the instance that a target leads to.
func (s *starter) open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	if s.options.Line == nil {
		return nil, s.options.NoLine
	}
	return s.options.Line.Open(ctx, target, wait)
}
