package gateway

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// refusal is what the gateway's choice script says when it leads nowhere.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	// noInstances answers an application id that the account cannot access, and anything else in the command slot
	// that is not an instance id.
	noInstances refusal = "Error: This application has no instances you can ssh to"
	// noSuchInstance answers an instance id that the account cannot access.
	noSuchInstance refusal = `API Error: API Error: Clever Cloud API error: ApiError { id: 9017, message: "The specified instance does not exist." }`
	// noChoice answers the end of input instead of a choice. What the gateway itself says then is not known.
	noChoice refusal = "Error: No choice was made"
)

// choose finds the instance that the command slot names. Where that leaves a choice, it asks: among the instances of
// an application if there are several, and for organisation and application if the slot is empty. The error is a
// refusal.
func (g *Gateway) choose(account *Account, target string, streams stdio) (Application, Instance, error) {
	if instanceID.MatchString(target) {
		application, instance, ok := g.instance(account, target)
		if !ok {
			return Application{}, Instance{}, noSuchInstance
		}
		return application, instance, nil
	}
	application, ok := g.application(account, target)
	if target == "" {
		if g.MenuIsShut {
			return Application{}, Instance{}, noInstances
		}
		var err error
		if application, err = g.chooseFromMenu(account, streams); err != nil {
			return Application{}, Instance{}, err
		}
	} else if !ok {
		return Application{}, Instance{}, noInstances
	}
	if g.Scatters && len(application.Instances) > 0 {
		return application, g.scattered(application), nil
	}
	if len(application.Instances) == 1 {
		return application, application.Instances[0], nil
	}
	instance, err := chooseOne(application.Instances, streams, Instance.describe)
	return application, instance, err
}

// chooseFromMenu asks for an organisation and then for one of its applications, even if there is only one.
func (g *Gateway) chooseFromMenu(account *Account, streams stdio) (Application, error) {
	organisation, err := chooseOne(account.Organisations, streams, func(o Organisation) string { return o.Name })
	if err != nil {
		return Application{}, err
	}
	application, err := chooseOne(organisation.Applications, streams, func(a Application) string {
		return fmt.Sprintf("%s (%s)", a.Name, a.ID)
	})
	if err == nil {
		application, _ = g.application(account, application.ID) // its current state
	}
	return application, err
}

// chooseOne lists the choices with numbers from 1. It asks until a line of the input is one of the numbers, or the
// input ends.
func chooseOne[T any](choices []T, streams stdio, describe func(T) string) (T, error) {
	var none T
	if len(choices) == 0 {
		return none, noInstances
	}
	for i, choice := range choices {
		fmt.Fprintf(streams.out, "%d) %s\n", i+1, describe(choice))
	}
	for {
		fmt.Fprint(streams.out, "Your choice: ")
		line, err := readLine(streams.in)
		if err != nil {
			fmt.Fprintln(streams.out)
			return none, noChoice
		}
		number, err := strconv.Atoi(strings.TrimSpace(line))
		if err == nil && number >= 1 && number <= len(choices) {
			return choices[number-1], nil
		}
		fmt.Fprintf(streams.out, "Not a number from 1 to %d.\n", len(choices))
	}
}

// readLine reads up to the next line feed and not a byte further, because the shell must get what follows. It keeps
// no more of the line than a choice can need. An error is that of in; a last line without a line feed is lost.
func readLine(in io.Reader) (string, error) {
	const enough = 80
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(in, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		if len(line) < enough {
			line = append(line, one[0])
		}
	}
}
