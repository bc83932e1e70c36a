package listen

import (
	"strings"
	"testing"

	"clever-ssh/config"
)

const app, instance = "app_facade42-cafe-babe-cafe-deadf00dbaad", "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"

// twoGateways has the names web and both at the first, api and both at the second, and one that looks like the alias of another.
func twoGateways() *config.Config {
	c := config.Default()
	first := c.Gateways[0]
	first.Names = map[config.Name]config.Target{"web": app, "both": app}
	second := *first
	second.Suffix = "staging"
	second.Names = map[config.Name]config.Target{"api": app, "both": instance, "web.clever": instance}
	c.Gateways = append(c.Gateways, &second)
	return c
}

func TestAlias(t *testing.T) {
	c := twoGateways()
	only := func(aliases ...string) (list []config.Alias) {
		for _, alias := range aliases {
			a, err := c.Resolve(alias)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, a)
		}
		return list
	}
	for _, test := range []struct {
		user string
		only []config.Alias
		want string // the alias, or what the error says
	}{
		{"web", nil, "web.clever"},
		{"web.clever", nil, "web.clever"}, // as it is, before any that is longer
		{"web.run", nil, "web.clever"},
		{"web.run.clever", nil, "web.clever"},
		{"1.web", nil, "1.web.clever"},
		{"any.web.clever", nil, "any.web.clever"},
		{"api", nil, "api.staging"},
		{app + ".clever", nil, app + ".clever"},
		{instance + ".staging", nil, instance + ".staging"},

		{"both", nil, `the user name "both" could mean both.clever or both.staging`},
		{app, nil, "could mean " + app + ".clever or " + app + ".staging"},
		{"both", only("both.staging"), "both.staging"},
		{app, only(app+".clever", "api.staging"), app + ".clever"},
		{"web", only("api.staging"), "web.clever is not served here, only api.staging"},
		{"1.web", only("web.clever"), "1.web.clever is not served here, only web.clever"},
		{"web", only("1.web.clever"), "web.clever is not served here, only 1.web.clever"},
		{"web", only("web.run.clever"), "web.clever"},

		{"", nil, `unknown alias ".clever"`},
		{"WEB", nil, `unknown alias "WEB.clever"`},
		{"clever", nil, "clever is the gateway's menu"},
		{"nosuch", nil, `unknown alias "nosuch.clever"`},
		{"web\n", nil, `unknown alias "web\n.clever"`},
		{"web.", nil, `unknown alias "web..clever"`},
		{"-oProxyCommand=x", nil, `unknown alias "-oProxyCommand=x.clever"`},
		{"../web", nil, `unknown alias "../web.clever"`},
		{strings.Repeat("w", maxUser+1), nil, "the user name is too long for an alias"},
	} {
		a, err := Alias(c, test.user, test.only)
		if err != nil && !strings.Contains(err.Error(), test.want) || err == nil && a.Plain() != test.want {
			t.Errorf("%.80q: %s, %v, want %s", test.user, a.Plain(), err, test.want)
		}
	}
}

// The user name that is shown for an alias leads there, and is the shortest that does.
func TestUser(t *testing.T) {
	c := twoGateways()
	for alias, want := range map[string]string{"web.clever": "web", "1.web.clever": "1.web", "both.clever": "both.clever", "both.staging": "both.staging", "api.staging": "api", "web.clever.staging": "web.clever.staging"} {
		a, err := c.Resolve(alias)
		if err != nil {
			t.Fatal(err)
		}
		if got := User(c, a); got != want {
			t.Errorf("%s: %s, want %s", alias, got, want)
		}
	}
}
