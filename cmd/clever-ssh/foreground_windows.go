package main

import (
	"os"
	"os/signal"
)

// leaveSignals has Ctrl-C come to a channel, and end nobody but the program that it is for.
func leaveSignals(to chan<- os.Signal) { signal.Notify(to, os.Interrupt) }

// isForProgram reports whether a program has not got a signal itself. A console's Ctrl-C comes to all.
func isForProgram(os.Signal) bool { return false }

// statusOf is the exit status of a program.
func statusOf(s *os.ProcessState) int { return s.ExitCode() }
