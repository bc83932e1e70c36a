//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// leaveSignals has the signals that a terminal sends to everybody come to a channel, and end nobody but the program that they are for. A
// program that is started from here on finds all signals as they usually are, and not as prepareProcess has left them.
func leaveSignals(to chan<- os.Signal) {
	signal.Notify(to, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	signal.Reset(syscall.SIGTTOU)
}

// isForProgram reports whether a program has not got a signal itself.
func isForProgram(s os.Signal) bool { return s == syscall.SIGTERM || s == syscall.SIGHUP }

// statusOf is the exit status of a program, as shells have it.
func statusOf(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
