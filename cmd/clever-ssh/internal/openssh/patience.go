package openssh

import (
	"context"
	"fmt"
	"time"
)

// Patience bounds an ssh that does not connect; it runs the user's own Match exec lines.
const Patience = 20 * time.Second

// readingPatience bounds several readings of the configuration together, so that time is left for the rest.
const readingPatience = 6 * time.Second

// WithPatience bounds the wait for a program or a network. When the time is over, the context's cause says how
// long nothing answered.
func WithPatience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no answer within %v", d))
}

// WithReadingPatience bounds all of a caller's readings of ssh's configuration together, while Patience bounds
// each of them.
func WithReadingPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return boundReading(ctx, readingPatience)
}

// boundReading bounds the time in which ssh reads its configuration. When it is over, the context's cause says
// what may take so long.
func boundReading(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("ssh did not finish reading its configuration within %v: is a Match exec in it slow?", d))
}
