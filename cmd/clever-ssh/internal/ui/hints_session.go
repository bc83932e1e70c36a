package ui

import (
	"errors"

	"clever-ssh/bridge"
	"clever-ssh/config"
)

// HintSession adds to an error of the bridge what to do about it.
func HintSession(err error, alias string, g *config.Gateway) error {
	question, refused, closed := new(bridge.QuestionError), new(bridge.RefusedError), new(bridge.ClosedError)
	switch {
	case errors.As(err, &question) && len(question.Instances) > 0:
		err = Hint(err, "name one instead of "+alias+": "+question.Instances[0].ID+"."+g.Suffix)
	case errors.As(err, &refused):
		err = Hint(err, "is the application running, and is your SSH key registered with the account that it belongs to?")
	case errors.As(err, &closed) && closed.Err == nil:
		err = Hint(err, "see how far it gets: ssh -v "+alias+" true")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = Hint(err, "leave -t out; for an interactive session type no command")
	}
	return err
}
