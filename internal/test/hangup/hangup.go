// Package hangup lets tests run under nohup.
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

// Restore gives SIGHUP its effect back in all programs that this process starts from now on. Under nohup they would inherit
// that it is ignored: then a shell whose terminal is gone goes on, and so does a loop in it. A signal that is caught here is
// not inherited, and this process ignores it still.
func Restore() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}
