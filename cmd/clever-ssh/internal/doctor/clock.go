package doctor

import (
	"fmt"
	"os"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// checkClock compares the clock with times that must be in the past: those of this program, and of the files
// that ssh has read. A wrong clock makes certificates invalid, and logs useless.
func (e *examination) checkClock(now time.Time) {
	const check = "clock"
	past, what := e.build.Time, "this program was built"
	for _, path := range []string{e.layout.ConfigFile(), e.layout.KnownHosts(), e.layout.DirectFile()} {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(past) {
			past, what = info.ModTime(), path+" was written"
		}
	}
	if text := now.UTC().Format(time.RFC1123); past.Sub(now) > time.Minute {
		e.fail(check, "", fmt.Errorf("it says %s, but %s at %s", text, what, past.UTC().Format(time.RFC1123)), "set the clock: "+ui.SetClock)
	} else {
		e.ok(check, "", "%s", text)
	}
}
