package doctor

import (
	"time"

	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/cmd/clever-ssh/internal/login"
)

// checkOutpost reports what serves an alias that runs commands: an outpost, or the shell, and why. It starts no
// outpost, because that would change something on the instance.
func (e *examination) checkOutpost() {
	const check = "outpost"
	switch {
	case e.resolved.Gateway.NoOutpost:
		e.ok(check, e.alias, "the shell serves commands: your settings say outpost = \"no\"")
		return
	case !line.HasPrograms():
		e.ok(check, e.alias, "the shell serves commands: this build has no outpost")
		return
	case e.resolved.Gateway.Keep == 0:
		e.ok(check, e.alias, "the shell serves commands: your settings say keep = 0")
		return
	}
	if !login.Shares(e.settings.Layout) {
		e.warn(check, e.alias, "each ssh logs in separately and starts its own outpost: there is no private folder with a short path for shared sockets",
			"set XDG_RUNTIME_DIR to a folder of yours with mode 0700 and a short path")
		return
	}
	for _, socket := range login.Lines(e.settings.Layout) {
		status, err := line.AskStatus(socket)
		if err != nil || status.Alias != e.resolved.Plain() {
			continue
		}
		switch status.State {
		case line.Ready:
			e.ok(check, e.alias, "the outpost serves commands (round trip %v)", status.RoundTrip.Round(time.Millisecond/10))
		case line.Failed:
			e.warn(check, e.alias, "the shell serves commands: "+status.Reason, "to stop trying, set outpost = \"no\" under [[gateway]] in the settings")
		default:
			e.ok(check, e.alias, "the outpost is starting; the shell serves commands")
		}
		return
	}
	e.skip(check, e.alias, "the next command runs in the shell and starts the outpost")
}
