package proxycmd

import "fmt"

// stepper is told what a connection has come to; nil where nobody wants to know.
type stepper func(text string)

func (s stepper) tell(format string, args ...any) {
	if s != nil {
		s(fmt.Sprintf(format, args...))
	}
}
