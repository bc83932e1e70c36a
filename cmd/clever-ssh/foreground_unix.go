//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// leaveSignals sends the terminal's signals, which reach every process, to a channel, so that they end only the
// program that they are meant for. A program that is started after this finds all signals at their defaults,
// and not as ignoreSignals left them.
func leaveSignals(to chan<- os.Signal) {
	signal.Notify(to, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	signal.Reset(syscall.SIGTTOU)
}

// isForProgram reports whether a program did not get a signal itself.
func isForProgram(s os.Signal) bool { return s == syscall.SIGTERM || s == syscall.SIGHUP }

// statusOf returns the exit status of a program, as shells give it.
func statusOf(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}
