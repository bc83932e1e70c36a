package ui

import (
	"fmt"
	"slices"
	"testing"

	"clever-ssh/config/clevertools"
)

// Logging in again is of no use while the environment holds another login.
func TestHintAPI(t *testing.T) {
	refused := fmt.Errorf("asking: %w", clevertools.ErrRefused)
	for _, c := range []struct {
		err   error
		login *clevertools.Login
		hint  string
	}{
		{clevertools.ErrNoLogin, nil, "run: clever login"},
		{refused, &clevertools.Login{Source: "clever-tools.json", File: "clever-tools.json"}, "run: clever login"},
		{refused, &clevertools.Login{Source: "$CLEVER_TOKEN"},
			"it comes from $CLEVER_TOKEN: set another, or unset it and run: clever login"},
	} {
		if got := Hints(HintAPI(c.err, c.login)); !slices.Equal(got, []string{c.hint}) {
			t.Errorf("%v, %+v: %q", c.err, c.login, got)
		}
	}
}
