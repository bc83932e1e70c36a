package listen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// maxUser is how long a user name may be: no alias is longer, and messages show unknown ones.
const maxUser = 255

// Alias finds the alias that a user name stands for: the name is an alias, or an alias without its suffix. If
// only is not empty, it must be one of those.
func Alias(c *config.Config, user string, only []config.Alias) (config.Alias, error) {
	if len(user) > maxUser {
		return config.Alias{}, errors.New("the user name is too long for an alias")
	}
	spellings := []string{user}
	for _, g := range c.Gateways {
		spellings = append(spellings, user+"."+g.Suffix)
	}
	var meant, others []config.Alias
	for _, alias := range spellings {
		a, err := c.Resolve(alias)
		switch {
		case err != nil || a.Target == "":
		case len(only) > 0 && !slices.ContainsFunc(only, func(o config.Alias) bool { return o.Plain() == a.Plain() }):
			others = append(others, a)
		case alias == user:
			return a, nil
		default:
			meant = append(meant, a)
		}
	}
	switch {
	case len(meant) == 1:
		return meant[0], nil
	case len(meant) > 1:
		return config.Alias{}, ui.Hint(fmt.Errorf("the user name %q could mean %s", user, names(meant)), "use the full alias of the one that you mean")
	case len(others) > 0:
		return config.Alias{}, ui.Hint(fmt.Errorf("%s is not served here, only %s", names(others), names(only)), "start clever-ssh listen with it, or without aliases for all of them")
	}
	if c.GatewayOf(user) == nil {
		user = spellings[1]
	}
	a, err := c.Resolve(user)
	if err == nil && a.Target == "" {
		return a, ui.Hint(fmt.Errorf("%s is the gateway's menu, which is for people", user), "as the user name, use the name or id of an application: clever-ssh list")
	}
	return a, ui.HintAlias(c, err)
}

// User returns the user name that stands for an alias, without its suffix if possible.
func User(c *config.Config, a config.Alias) string {
	short := strings.TrimSuffix(a.Plain(), "."+a.Gateway.Suffix)
	if meant, err := Alias(c, short, nil); err == nil && meant.Plain() == a.Plain() {
		return short
	}
	return a.Plain()
}

// names lists aliases as a person types them.
func names(list []config.Alias) string {
	var words []string
	for _, a := range list {
		words = append(words, a.Plain())
	}
	return strings.Join(words, " or ")
}
