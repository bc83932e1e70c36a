package survey

import (
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/internal/pattern"
)

// loginLog is what ssh's log tells about a login. The gateway can write lines of its own into that log.
type loginLog struct {
	offered   int      // keys that ssh has offered
	methods   []string // that the gateway offers
	signature []string // algorithms that it accepts for users' keys; nil if it does not say
	denied    bool     // the gateway accepted none of the keys
	raw       []string
}

var (
	canContinue = pattern.New(`^debug1: Authentications that can continue: (\S+)$`)
	signatures  = pattern.New(`^debug1: \w+: server-sig-algs=<(.*)>$`)
)

// mostRaw is how many lines of the log are kept for display.
const mostRaw = 20

// read reads a line of ssh's log.
func (l *loginLog) read(line string) {
	keep := true
	if login.Offering().MatchString(line) {
		l.offered++
		keep = false // it is about this machine
	} else if m := canContinue().FindStringSubmatch(line); m != nil && l.methods == nil {
		l.methods = strings.Split(m[1], ",")
	} else if m := signatures().FindStringSubmatch(line); m != nil && l.signature == nil {
		l.signature = strings.Split(m[1], ",")
	} else {
		l.denied = l.denied || login.Denied().MatchString(line)
		keep = false
	}
	if keep && len(l.raw) < mostRaw {
		l.raw = append(l.raw, line)
	}
}
