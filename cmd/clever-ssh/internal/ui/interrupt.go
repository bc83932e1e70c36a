package ui

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilInterrupted is a context that ends when the user interrupts, so that what was begun can be taken back. The second
// interrupt ends the program.
func UntilInterrupted() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
