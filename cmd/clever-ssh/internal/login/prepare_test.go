package login

import (
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/config"
	"clever-ssh/internal/caller"
)

// The inner ssh never has a name that leads back to the bridge, and everything that leads to one application
// logs in alike.
func TestInnerAlias(t *testing.T) {
	c := config.Default()
	for _, name := range []config.Name{"web", "run", "a.b"} {
		c.Gateways[0].Names[name] = "app_x"
	}
	for alias, want := range map[string]string{
		"web.clever":         "web.clever",
		"web.run.clever":     "web.clever",
		"run.clever":         "run.clever",
		"a.b.run.clever":     "a.b.clever",
		"clever":             "clever",
		"run.run.clever":     "run.clever",
		"0.web.clever":       "web.clever",
		"any.web.run.clever": "web.clever",
		"all.a.b.clever":     "a.b.clever",
		"build.app_y.clever": "app_y.clever",
		"0.run.run.clever":   "run.clever",
	} {
		a, err := c.Resolve(alias)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := Prepare(&settings.Settings{Config: c}, a, caller.CommandLine{Program: "/bin/false"})
		if err != nil {
			t.Fatal(err)
		}
		if inner.alias != want {
			t.Errorf("%s: %s", alias, inner.alias)
		}
	}
}
