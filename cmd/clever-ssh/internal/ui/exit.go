package ui

import "fmt"

// The program's exit statuses. Those of a command on an instance are the command's own.
const (
	ExitFailed = 1 // what was asked for was not done
	ExitUsage  = 2 // the command line makes no sense
)

// ExitStatus is an error after which nothing is left to say: the program ends with that status.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// UsageError is a command line that makes no sense.
type UsageError struct{ error }

func (e *UsageError) Unwrap() error { return e.error }

// Usagef is fmt.Errorf for a [UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}
