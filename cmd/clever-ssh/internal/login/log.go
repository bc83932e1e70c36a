package login

import (
	"strings"

	"clever-ssh/internal/pattern"
)

// The meaning of lines in ssh's log. The gateway can write lines of its own into that log, so we show none of
// it as ours, and what it decides is no more than the gateway could do anyway.
var (
	// Offering matches when ssh offers a key.
	Offering = pattern.New(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// Trying matches a key without a public half, which ssh has yet to read. ssh also logs it for keys on its
	// own list that do not exist.
	Trying = pattern.New(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	// Accepted matches when the gateway accepts a key that ssh offered.
	Accepted = pattern.New(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	// Entered matches the end of authentication: the gateway lets ssh in.
	Entered = pattern.New(`(?m)^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
	// Denied matches when the gateway accepts none of the keys.
	Denied = pattern.New(`(?m)^\S+: Permission denied \(`)
	// TooMany matches when the gateway hangs up before ssh has offered all its keys.
	TooMany = pattern.New(`(?im)^.*too many authentication failures`)
)

var (
	// The names of SSH's messages, as ssh has logged them since long before 8.0, and the log of a shared
	// connection's client.
	exitReported = pattern.New(`(?m)^debug1: client_input_channel_req: channel \d+ rtype exit-(status|signal)|^debug1: Exit status \d|^debug2: Received exit status from master`)
	isShared     = pattern.New(`(?m)^debug1: mux_client_request_session: master session id`)
	lossReported = pattern.New(`(?m)^clever-ssh: the connection was lost: `)
	// What ssh logs about a key file that it cannot use. A line like this that the gateway wrote would add
	// nothing new.
	unusableKey = pattern.New(`^Load key "([^"]+)": (?:bad permissions|invalid format|error in libcrypto|incorrect passphrase supplied to decrypt private key|Permission denied|agent refused operation)$`)
)

// loggedIn reports whether the gateway let in an ssh that has ended. On a terminal ssh logs errors only, and
// then nothing.
func loggedIn(log string) bool {
	return log == "" || isShared().MatchString(log) || Entered().MatchString(log)
}

// connectionLost reports whether the connection ended, and not the command, from ssh's log and its
// ProxyCommand's messages. Nobody knows if the connection belongs to another process, or if ssh logged errors
// only.
func connectionLost(log, proxy string) (lost, known bool) {
	switch {
	case exitReported().MatchString(log):
		return false, true
	case !isShared().MatchString(log) && strings.Contains(log, "debug"), lossReported().MatchString(proxy):
		return true, true
	}
	return false, false
}
