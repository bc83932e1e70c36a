package ui

import "fmt"

// Exit statuses.
const (
	ExitFailed = 1
	ExitUsage  = 2
)

// ExitStatus ends the program without another word.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// UsageError is a command line that makes no sense.
type UsageError struct{ error }

func (e *UsageError) Unwrap() error { return e.error }

func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}
