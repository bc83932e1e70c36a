package ui

import (
	"errors"
	"fmt"
	"strings"

	"clever-ssh/config"
)

// HintAlias adds to a config.UnknownAliasError which alias was probably meant and which ones exist. It returns
// other errors unchanged.
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
	if g := unknown.Gateway; g != nil {
		if hint, ok := hintInstance(c, unknown, g.Suffix); ok {
			return Hint(err, hint...)
		}
		if meant == "" && unknown.Selector != "" {
			meant = string(unknown.Selector) + "." + config.Nearest(unknown.Label+"."+g.Suffix, unknown.Known)
			if _, err := c.Resolve(meant); err != nil {
				meant = ""
			}
		}
	}
	var lines []string
	if meant != "" {
		lines = append(lines, "did you mean "+meant+"?")
	}
	flag := ""
	if unknown.Gateway != nil {
		flag = SuffixFlag(unknown.Gateway.Suffix)
	}
	name, nameErr := config.ParseName(unknown.Label)
	if nameErr != nil {
		name = "NAME"
	}
	lines = append(lines, "register it with: clever-ssh setup "+flag+string(name)+"=app_...")
	return Hint(fmt.Errorf("%w; the known aliases are %s", err, Shorten(unknown.Known)), lines...)
}

// hintInstance says what is wrong with an alias that was meant for one of an application's instances. ok is
// false if it was meant for something else.
func hintInstance(c *config.Config, unknown *config.UnknownAliasError, suffix string) (hint []string, ok bool) {
	if unknown.Selector == "" && config.IsSelector(unknown.Label) {
		return []string{"add the application's name or id: " + unknown.Label + ".NAME." + suffix}, true
	}
	if unknown.Selector != "" {
		a, err := c.Resolve(unknown.Label + "." + suffix)
		return []string{a.Base + " is a single instance: leave out " + string(unknown.Selector) + "."}, err == nil && a.Target.IsInstance()
	}
	number, label, _ := strings.Cut(unknown.Label, ".")
	a, err := c.Resolve(label + "." + suffix)
	numbered := err == nil && a.Target != "" && !a.Target.IsInstance() && number != "" && strings.Trim(number, "0123456789") == ""
	return []string{"instance numbers are 0 to 999, without leading zeros", "to see the instances: clever-ssh instances " + a.Base}, numbered
}
