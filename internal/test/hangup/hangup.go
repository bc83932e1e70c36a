// Package hangup lets tests run under nohup.
package hangup

import (
	"os"
	"os/signal"
	"syscall"
)

// Restore gives SIGHUP its effect back in all programs that this process starts from now on. Under nohup they would
// inherit that it is ignored. Then a shell would keep running once its terminal is gone, and so would a loop in it. A
// signal that is caught here is not inherited, and this process still ignores it.
func Restore() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}
