package main

import (
	"io"
	"os"
	"strings"
)

// messages is where proxy speaks to a person.
type messages struct {
	io.Writer
	visible bool // whether a person may see it
}

// openMessages finds out where a message reaches the person who typed ssh. That is stderr, but ssh makes its helper's
// stderr /dev/null under ControlPersist; then it is the terminal, unless ssh's own stderr is /dev/null as well.
func openMessages(pid int, bySSH bool) messages {
	if !isNull(os.Stderr) {
		return messages{os.Stderr, true}
	}
	if !bySSH || callerIsSilent(pid) {
		return messages{io.Discard, false}
	}
	// Opened now: once the process has left the terminal's session, there is no /dev/tty any more.
	if tty, err := openTerminal(); err == nil {
		return messages{tty, true}
	}
	return messages{io.Discard, false}
}

// reason words an error for SSH_MSG_DISCONNECT: in short where the whole can be read elsewhere. ssh shows 400
// bytes, and escapes everything that is not ASCII.
func (m messages) reason(err error) string {
	text := "clever-ssh: " + err.Error()
	if !m.visible {
		text = strings.Join(append([]string{text}, hintsOf(err)...), "; ")
	}
	return printable(strings.ReplaceAll(text, "\n", "; "))
}
