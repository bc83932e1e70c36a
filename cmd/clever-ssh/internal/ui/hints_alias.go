package ui

import (
	"errors"
	"fmt"
	"strings"

	"clever-ssh/config"
)

// HintAlias adds to a config.UnknownAliasError which alias was probably meant and which are known, and returns other errors as
// they are.
func HintAlias(c *config.Config, err error) error {
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
		return Hint(err, did)
	}
	var lines []string
	if meant != "" {
		lines = append(lines, "did you mean "+meant+"?")
	}
	label, flag := unknown.Alias, ""
	if g := c.GatewayOf(unknown.Alias); g != nil {
		label, flag = strings.TrimSuffix(unknown.Alias, "."+g.Suffix), SuffixFlag(g.Suffix)
	}
	name, nameErr := config.ParseName(label)
	if nameErr != nil {
		name = "NAME"
	}
	lines = append(lines, "register it with: clever-ssh setup "+flag+string(name)+"=app_...")
	return Hint(fmt.Errorf("%w; known are %s", err, Shorten(unknown.Known)), lines...)
}
