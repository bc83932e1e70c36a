package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A busy instance turns connections away, networks fail, and a deployment replaces instances. A command that
// has not begun is tried again after these pauses, if that is what ended the ssh, or the gateway's own ssh to
// the instance.
var pauses = []time.Duration{400 * time.Millisecond, 1200 * time.Millisecond}

// tryingTime is how long after the first try a command may be tried again.
const tryingTime = time.Minute

// attempts counts the tries to begin one command.
type attempts struct {
	options Options
	since   time.Time
	failed  int
	moved   int
}

// maxMoves is how often a command moves to another instance because of a new list.
const maxMoves = 3

// mayMove reports whether a command may move once more.
func (a *attempts) mayMove() bool {
	a.moved++
	return a.moved <= maxMoves
}

// next returns the script for another try, after a pause, or the error if there should be none. gone means that
// the instance may have gone, and that another try may lead to another instance.
func (a *attempts) next(ctx context.Context, s *script, err error, gone bool) (*script, error) {
	if err == errLoginFiles {
		a.options.Warn(err)
		return s.withoutLogin(), nil
	}
	closed := new(ClosedError)
	network := errors.As(err, &closed) && closed.network
	if !network && !gone || a.failed == len(pauses) || time.Since(a.since) > tryingTime {
		return nil, err
	}
	if a.options.Noise != nil {
		a.options.Noise(NoiseOf(err))
		a.options.Warn(fmt.Errorf("%w; trying again", err))
	}
	pause := pauses[a.failed]
	a.failed++
	select {
	case <-time.After(pause/2 + rand.N(pause)): // so that commands turned away together do not come back together
		return s.again(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
