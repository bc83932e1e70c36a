package ui

import (
	"errors"

	"clever-ssh/bridge"
	"clever-ssh/config"
)

// HintSession adds to an error of the bridge what to do about it. The alias is what the person typed.
func HintSession(err error, a config.Alias) error {
	alias := a.Plain()
	question, none, refused, closed := new(bridge.QuestionError), new(bridge.NoInstanceError), new(bridge.RefusedError), new(bridge.ClosedError)
	all, part := new(bridge.AllError), new(bridge.PartError)
	switch {
	case errors.As(err, &question) && len(question.Instances) > 0:
		err = Hint(err, "name one instead of "+alias+": "+idAlias(bridge.Any.Choose(question.Instances)[0], a))
	case errors.As(err, &none):
		err = Hint(err, "name one of these: ssh "+idAlias(bridge.Any.Choose(none.Instances)[0], a))
	case errors.As(err, &all):
		err = Hint(err, "for instance 0: 0."+a.Base)
	case errors.As(err, &part):
	case errors.As(err, new(*bridge.ForeignError)):
		err = Hint(err, "compare the list with the instances that the console shows")
	case errors.As(err, &refused):
		err = Hint(err, "is the application running, and is your SSH key registered with the account that it belongs to?")
	case errors.As(err, &closed) && closed.Err == nil:
		err = Hint(err, "see how far it gets: ssh -v "+alias+" true")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = Hint(err, "leave -t out; for an interactive session type no command")
	}
	return err
}

// idAlias is the alias that leads to an instance by its id, or to the application if that is the way.
func idAlias(i bridge.Instance, a config.Alias) string {
	if i.Alone || i.ID == "" {
		return a.Base
	}
	return i.ID + "." + a.Gateway.Suffix
}
