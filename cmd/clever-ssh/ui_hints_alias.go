package main

import (
	"errors"
	"fmt"
	"strings"

	"clever-ssh/config"
)

// advise adds to an unknown alias which one was probably meant, and which are known.
func advise(c *config.Config, err error) error {
	unknown := new(config.UnknownAliasError)
	if !errors.As(err, &unknown) {
		return err
	}
	meant, sure := c.Meant(unknown.Alias)
	if sure {
		did := "did you mean " + meant + "?"
		if strings.ToLower(unknown.Alias) != unknown.Alias {
			did += " Aliases are in lower case"
		}
		return hint(err, did)
	}
	var lines []string
	if meant != "" {
		lines = append(lines, "did you mean "+meant+"?")
	}
	label, flag := unknown.Alias, ""
	if g := c.GatewayOf(unknown.Alias); g != nil {
		label, flag = strings.TrimSuffix(unknown.Alias, "."+g.Suffix), suffixFlag(g.Suffix)
	}
	name, nameErr := config.ParseName(label)
	if nameErr != nil {
		name = "NAME"
	}
	lines = append(lines, "register it with: clever-ssh setup "+flag+string(name)+"=app_...")
	return hint(fmt.Errorf("%w; known are %s", err, shorten(unknown.Known)), lines...)
}
