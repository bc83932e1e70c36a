package main

import (
	"errors"

	"clever-ssh/bridge"
	"clever-ssh/config"
)

// adviseOnSession adds to an error of the bridge what a person can do about it.
func adviseOnSession(err error, alias string, g *config.Gateway) error {
	question, refused, closed := new(bridge.QuestionError), new(bridge.RefusedError), new(bridge.ClosedError)
	switch {
	case errors.As(err, &question) && len(question.Instances) > 0:
		err = hint(err, "name one instead of "+alias+": "+question.Instances[0].ID+"."+g.Suffix)
	case errors.As(err, &refused):
		err = hint(err, "is the application running, and is your SSH key registered with the account that it belongs to?")
	case errors.As(err, &closed) && closed.Err == nil:
		err = hint(err, "see how far it gets: ssh -v "+alias+" true")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = hint(err, "leave -t out; for an interactive session type no command")
	}
	return err
}
