package login

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// lineWidth is how wide a line for a person may be after its prefix.
const lineWidth = 79 - len(ui.Prefix)

// chosenLine tells which instance an alias stands for, and which others there are: as many as fit, and at least
// one.
func chosenLine(alias string, chosen bridge.Instance, between []bridge.Instance) string {
	var others []string
	for _, i := range between {
		if i.ID != chosen.ID {
			others = append(others, i.Brief())
		}
	}
	for shown := min(len(others), lineWidth); ; shown-- {
		line := fmt.Sprintf("%s is %s; also %s", alias, chosen, strings.Join(others[:shown], ", "))
		if shown < len(others) {
			line += fmt.Sprintf(" and %d more", len(others)-shown)
		}
		if shown <= 1 || utf8.RuneCountInString(line) <= lineWidth {
			return line
		}
	}
}
