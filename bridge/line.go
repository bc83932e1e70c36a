package bridge

import (
	"errors"
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
