package doctor

import (
	"fmt"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// checkPuTTY compares PuTTY's saved sessions with those that the settings require.
func (e *examination) checkPuTTY() {
	const check = "PuTTY"
	if e.plan == nil {
		return
	}
	switch sessions := e.plan.Sessions(); {
	case sessions == nil:
	case len(sessions.List) > 0:
		var names []string
		for _, c := range sessions.List {
			names = append(names, c.Name)
		}
		e.fail(check, "", fmt.Errorf("saved sessions are out of date with your settings: %s", ui.Shorten(names)), ui.RunSetup)
	case len(sessions.Foreign) > 0:
		e.warn(check, "", "saved sessions are yours, or were changed in PuTTY: "+ui.Shorten(sessions.Foreign), "to replace them, delete them in PuTTY and run: clever-ssh setup")
	default:
		e.ok(check, "", "%s", ui.Counted(len(sessions.Wanted), "saved session"))
	}
}
