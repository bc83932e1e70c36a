package login

import (
	"testing"

	"clever-ssh/config"
)

// The inner ssh is never called for what leads back to the bridge.
func TestInnerAlias(t *testing.T) {
	g := &config.Gateway{Suffix: "clever"}
	for alias, c := range map[string]struct {
		target config.Target
		want   string
	}{
		"web.clever":     {"app_x", "web.clever"},
		"web.run.clever": {"app_x", "web.clever"},
		"run.clever":     {"app_x", "run.clever"},
		"a.b.run.clever": {"app_x", "a.b.clever"},
		"clever":         {"", "clever"},
		"run.run.clever": {"app_x", "run.clever"},
	} {
		if got := innerAlias(alias, config.Alias{Gateway: g, Target: c.target}); got != c.want {
			t.Errorf("%s: %s", alias, got)
		}
	}
}
