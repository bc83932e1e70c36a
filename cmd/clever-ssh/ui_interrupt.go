package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilInterrupted is a context that ends when the user interrupts, so that what was begun can be taken back. Who does it
// twice has no patience left.
func untilInterrupted() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
