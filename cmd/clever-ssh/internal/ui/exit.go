package ui

import "fmt"

// The program's exit statuses. A command on an instance has its own.
const (
	ExitFailed = 1 // the request was not carried out
	ExitUsage  = 2 // the command line makes no sense
)

// ExitStatus is an error about which everything has been said: the program just ends with that status.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// UsageError means that the command line makes no sense.
type UsageError struct{ error }

func (e *UsageError) Unwrap() error { return e.error }

// Usagef is fmt.Errorf for a [UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}
