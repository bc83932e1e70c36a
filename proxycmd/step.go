package proxycmd

import "fmt"

// stepper receives the steps of a connection; nil if nobody wants them.
type stepper func(text string)

func (s stepper) tell(format string, args ...any) {
	if s != nil {
		s(fmt.Sprintf(format, args...))
	}
}
