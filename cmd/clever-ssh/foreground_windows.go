package main

import (
	"os"
	"os/signal"
)

// leaveSignals sends Ctrl-C to a channel, so that it ends only the program that it is meant for.
func leaveSignals(to chan<- os.Signal) { signal.Notify(to, os.Interrupt) }

// isForProgram reports whether a program did not get a signal itself. A console's Ctrl-C reaches every program.
func isForProgram(os.Signal) bool { return false }

// statusOf returns the exit status of a program.
func statusOf(s *os.ProcessState) int { return s.ExitCode() }
