package gateway

import (
	"fmt"
	"io"
	"math/rand/v2"
)

// The lines between the choice of an instance and its shell, as in published transcripts.
const (
	opening   = "Opening an ssh shell."
	lastLogin = "Last login: Fri Jul 18 20:17:00 UTC 2025 on pts/0"

	// OpenSSH's own lines end in CR LF.
	noTerminal = "Pseudo-terminal will not be allocated because stdin is not a terminal.\r"
	hostAdded  = "Warning: Permanently added '[203.0.113.30]:28925' (ED25519) to the list of known hosts.\r"
)

// greet writes what the gateway and its own ssh to the instance say before the shell starts. Without a terminal it is
// noise on both streams, which arrive in any order relative to each other, so that order is random each time. Whether
// the last login is reported then is random too.
func (s *session) greet(streams stdio) {
	if s.terminal != nil {
		fmt.Fprintf(streams.out, "%s\n%s\n%s\n%s\n", opening, hostAdded, lastLogin, s.gateway.Motd)
		return
	}
	noise := []struct {
		stream io.Writer
		lines  []string
	}{
		{streams.out, []string{opening, lastLogin}[:1+rand.N(2)]},
		{streams.err, []string{noTerminal, hostAdded}},
	}
	for len(noise[0].lines)+len(noise[1].lines) > 0 {
		next := &noise[rand.N(2)]
		if len(next.lines) > 0 {
			fmt.Fprintln(next.stream, next.lines[0])
			next.lines = next.lines[1:]
		}
	}
}
