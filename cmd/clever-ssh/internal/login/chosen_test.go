package login

import (
	"strings"
	"testing"

	"clever-ssh/bridge"
)

// The line that names an instance also names others, as long as there is room for them.
func TestChosenLine(t *testing.T) {
	chosen := bridge.Instance{ID: "33281f38-31ff-43a7-8595-a2d82630c32b", Number: 0, State: "UP"}
	few := []bridge.Instance{chosen, {ID: "2", Number: 0, State: "STOPPING"}, {ID: "1", Number: 1, State: "UP"}, {ID: "5", Number: bridge.NoNumber, Build: true, State: "UP"}, {ID: "4", Number: bridge.NoNumber}}
	many := append([]bridge.Instance{}, few...)
	for range 1000 {
		many = append(many, bridge.Instance{ID: "6", Number: 7, State: "UP"})
	}
	long := strings.Repeat("x", 60) + ".clever"
	for _, c := range []struct {
		alias   string
		between []bridge.Instance
		want    string
	}{
		{"pair.clever", few[:2], "pair.clever is instance 0 (33281f38); also 0 STOPPING"},
		{"pair.clever", few, "pair.clever is instance 0 (33281f38); also 0 STOPPING and 3 more"},
		{"p.clever", few, "p.clever is instance 0 (33281f38); also 0 STOPPING, 1 UP and 2 more"},
		{"pair.clever", many, "pair.clever is instance 0 (33281f38); also 0 STOPPING and 1003 more"},
		{"w.clever", few[:4], "w.clever is instance 0 (33281f38); also 0 STOPPING, 1 UP, build UP"},
		{long, few, long + " is instance 0 (33281f38); also 0 STOPPING and 3 more"},
	} {
		if got := chosenLine(c.alias, chosen, c.between); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
