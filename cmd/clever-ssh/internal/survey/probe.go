package survey

import (
	"context"
	"time"
)

// probe is one thing that clever-ssh assumes about a gateway, and how to find out whether it is true.
type probe struct {
	name    string
	expects string        // in a few words; empty if nobody knows
	depends string        // which part of clever-ssh depends on it
	within  time.Duration // how long it may take; patience if zero
	see     func(ctx context.Context, s *survey) seen
}

// patience is how long a probe may take.
const patience = 12 * time.Second

// group is a number of probes that need the same things.
type group struct {
	title   string
	unless  func(s *survey) string // why they cannot be asked; empty if they can
	atOnce  bool                   // they may run in parallel
	members []probe
}
