package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"
)

// A busy instance turns connections away, and networks fail. A command that has not begun is tried again, after these pauses, as long
// as that is what ended the ssh, or the gateway's own ssh on its way to the instance.
var pauses = []time.Duration{400 * time.Millisecond, 1200 * time.Millisecond}

// tryingTime is how long a command may have been tried for when it is tried again.
const tryingTime = time.Minute

// attempts counts the tries to have one command begin.
type attempts struct {
	since  time.Time
	failed int
}

func newAttempts() *attempts { return &attempts{since: time.Now()} }

// another returns the script for another try, after a pause, or the error if there shall be none.
func (b *bridge) another(ctx context.Context, a *attempts, s *script, err error) (*script, error) {
	if err == errLoginFiles {
		b.Warn(err)
		return s.withoutLogin(), nil
	}
	closed := new(ClosedError)
	if !errors.As(err, &closed) || !closed.network || a.failed == len(pauses) || time.Since(a.since) > tryingTime {
		return nil, err
	}
	if b.Noise != nil {
		b.Noise(closed.Noise)
		b.Warn(fmt.Errorf("%w; trying again", err))
	}
	pause := pauses[a.failed]
	a.failed++
	select {
	case <-time.After(pause/2 + rand.N(pause)): // what was turned away together does not come back together
		return s.again(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// networkWords are the lines with which an OpenSSH client ends whose connection was refused, or lost.
var networkWords = regexp.MustCompile(`^(?:` +
	`(?:kex|ssh)_exchange_identification: (?:read: )?Connection (?:closed by remote host|reset by peer)|` +
	`Connection (?:closed|reset) by \S+(?: port -?\d+)?|` +
	`Connection to \S+ closed by remote host\.|` +
	`Connection timed out during banner exchange|Connection to \S+ port \d+ timed out|` +
	`ssh: connect to host \S+ port \d+: (?:Connection refused|Connection timed out|Connection reset by peer|Operation timed out|No route to host|Network is unreachable)|` +
	`(?:client_loop: send disconnect|Read from remote host \S+|ssh_dispatch_run_fatal: Connection to \S+ port \d+): (?:Broken pipe|Connection reset by peer|Connection timed out)` +
	`)$`)

// saysNetwork tells whether the last of the words are a network's, and nobody has refused anything before them.
func saysNetwork(text string) bool {
	last := ""
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	return networkWords.MatchString(last) && !strings.Contains(text, "Permission denied")
}
