package ui

import (
	"errors"

	"clever-ssh/bridge"
	"clever-ssh/config"
)

// HintSession adds hints to an error of the bridge. The alias is what the person typed.
func HintSession(err error, a config.Alias) error {
	alias := a.Plain()
	question, refused, closed, fault := new(bridge.QuestionError), new(bridge.RefusedError), new(bridge.ClosedError), new(bridge.WayError)
	switch {
	case errors.As(err, &question) && question.Ended: // it would end that command too
		err = Hint(err, "name one instead of "+alias+": "+question.Instances[0].ID+"."+a.Gateway.Suffix)
	case errors.As(err, &question) && len(question.Instances) > 0, errors.As(err, new(*bridge.NoInstanceError)), errors.As(err, new(*bridge.AllError)):
		err = Hint(err, "for the alias of each: clever-ssh instances "+a.Base)
	case errors.As(err, new(*bridge.ForeignError)):
		err = Hint(err, "compare the list with the instances that the console shows")
	case errors.As(err, &fault) && fault.Fault == bridge.KeepingOpen:
		err = Hint(err, "the outpost carries it: run the command again in a moment, unless your settings say outpost = \"no\"")
	case errors.As(err, &fault) && fault.Fault == bridge.Restricted:
		err = Hint(err, "an interactive session still works: ssh "+alias)
	case errors.As(err, &fault):
		err = Hint(err, "a session with a terminal still works: ssh "+alias+", or ssh -t "+alias+" COMMAND")
	case errors.As(err, new(*bridge.SilentError)):
		err = Hint(err, "if the gateway is slow, wait for longer: ssh -o ConnectTimeout=120 "+alias+" COMMAND",
			"if it wants a terminal: ssh -t "+alias+" COMMAND")
	case errors.As(err, &refused):
		err = Hint(err, "is the application running, and is your SSH key registered with the application's account?")
	case errors.As(err, &closed) && closed.Err == nil:
		err = Hint(err, "see how far it gets: ssh -v "+alias+" true")
		if closed.LoggedIn {
			err = Hint(err, "if the gateway wants a terminal: ssh -t "+alias+" COMMAND")
		}
	case errors.As(err, new(*bridge.OutpostError)) && len(Hints(err)) == 0:
		err = Hint(err, "see each step: ssh -v "+alias+" true")
	case errors.Is(err, bridge.ErrBroken):
		err = Hint(err, "check what the command has done before you run it again")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = Hint(err, "leave -t out; for an interactive session type no command")
	}
	return err
}
