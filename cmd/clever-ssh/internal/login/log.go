package login

import (
	"strings"

	"clever-ssh/internal/pattern"
)

// What lines of ssh's log mean. The gateway can write lines of its own into that log, so nothing of it is shown as ours, and what it
// decides is no more than the gateway could do anyway.
var (
	// Offering is ssh offering a key.
	Offering = pattern.New(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// Trying is a key without a public half, which ssh has yet to read. It says so of those on its own list that are not there, too.
	Trying = pattern.New(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	// Accepted is the gateway taking a key that ssh has offered.
	Accepted = pattern.New(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	// Entered is the end of authentication: the gateway lets ssh in.
	Entered = pattern.New(`(?m)^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
	// Denied is the gateway taking none of the keys.
	Denied = pattern.New(`(?m)^\S+: Permission denied \(`)
	// TooMany is the gateway hanging up before ssh has offered all its keys.
	TooMany = pattern.New(`(?im)^.*too many authentication failures`)
)

var (
	// The names of SSH's messages, which ssh has logged since long before 8.0; and what the client of a shared connection logs.
	exitReported = pattern.New(`(?m)^debug1: client_input_channel_req: channel \d+ rtype exit-(status|signal)|^debug1: Exit status \d|^debug2: Received exit status from master`)
	isShared     = pattern.New(`(?m)^debug1: mux_client_request_session: master session id`)
	lossReported = pattern.New(`(?m)^clever-ssh: the connection was lost: `)
	// What ssh says of a key file that it cannot use. The gateway can have lines of its own in the log: this one says nothing new.
	unusableKey = pattern.New(`^Load key "([^"]+)": (?:bad permissions|invalid format|error in libcrypto|incorrect passphrase supplied to decrypt private key|Permission denied|agent refused operation)$`)
)

// loggedIn tells whether the gateway let an ssh in, which has ended. On a terminal ssh logs errors only, and then nothing.
func loggedIn(log string) bool {
	return log == "" || isShared().MatchString(log) || Entered().MatchString(log)
}

// connectionLost tells whether the connection ended, and not the command, from ssh's log and from what its ProxyCommand says. It is not known
// where the connection is another's, or ssh logged errors only.
func connectionLost(log, proxy string) (lost, known bool) {
	switch {
	case exitReported().MatchString(log):
		return false, true
	case !isShared().MatchString(log) && strings.Contains(log, "debug"), lossReported().MatchString(proxy):
		return true, true
	}
	return false, false
}
