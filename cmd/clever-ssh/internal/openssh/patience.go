package openssh

import (
	"context"
	"fmt"
	"time"
)

// Patience bounds an ssh that connects nowhere; the user's own Match exec lines run in it.
const Patience = 20 * time.Second

// readingPatience bounds what several readings of the configuration take together, so that time is left for the rest.
const readingPatience = 6 * time.Second

// WithPatience bounds the wait for a program or a network. When it ends, the context's cause says for how long nothing answered.
func WithPatience(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("no answer within %v", d))
}

// WithReadingPatience bounds all readings of ssh's configuration that a caller needs, where Patience bounds each of them.
func WithReadingPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return boundReading(ctx, readingPatience)
}

// boundReading bounds the time in which ssh reads its configuration. When it ends, the context's cause says what may take so long.
func boundReading(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("ssh did not finish reading its configuration within %v: is a Match exec in it slow?", d))
}
