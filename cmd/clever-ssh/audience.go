package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
	"clever-ssh/proxycmd"
)

// audience is who hears what proxy and bridge have to say: the person who typed ssh, a clever-ssh that started that ssh, or nobody;
// and the client itself.
type audience struct {
	io.Writer
	visible bool // whether a person may see it
	aside   bool // whether a clever-ssh listens, as long as it wants to
	bySSH   bool // whether the client is an ssh
}

// findAudience finds out where a message reaches the person who typed ssh. That is stderr, but ssh makes its helper's
// stderr /dev/null under ControlPersist; then it is the terminal, unless ssh's own stderr is /dev/null as well.
func findAudience(pid int, bySSH bool) audience {
	if path := os.Getenv(openssh.AsideVariable); filepath.IsAbs(path) { // a clever-ssh has started that ssh, and listens
		if f, err := login.Speak(path); err == nil {
			return audience{Writer: f, visible: true, aside: true, bySSH: bySSH}
		}
	}
	if !isNull(os.Stderr) {
		return audience{Writer: os.Stderr, visible: true, bySSH: bySSH}
	}
	if !bySSH || callerIsSilent(pid) {
		return audience{Writer: io.Discard, bySSH: bySSH}
	}
	if tty, err := openTerminal(); err == nil {
		return audience{Writer: tty, visible: true, bySSH: bySSH}
	}
	return audience{Writer: io.Discard, bySSH: bySSH}
}

// refuse says why there is no connection, to a person and to the client, and returns the exit status.
func (a audience) refuse(err error) error {
	if told := new(toldError); !errors.As(err, &told) {
		ui.Error(a, err)
		a.settle()
	}
	proxycmd.Refuse(os.Stdin, os.Stdout, a.reason(err))
	return ui.ExitStatus(ui.ExitFailed)
}

// settle lets a client read what was said before it reads anything else. PuTTY reads it from another pipe, and after a
// DISCONNECT it reads nothing any more. An ssh has no part in it: there stderr is the terminal.
func (a audience) settle() {
	if a.visible && !a.bySSH {
		time.Sleep(settleTime)
	}
}

const settleTime = 250 * time.Millisecond

// release lets go of a terminal that findAudience has opened: the helper of a persistent master must not keep a window
// from closing. Nothing is said from then on.
func (a *audience) release() {
	if tty, ok := a.Writer.(*os.File); ok && tty != os.Stderr && !a.aside {
		tty.Close()
		*a = audience{Writer: io.Discard, bySSH: a.bySSH}
	}
}

// shownBySSH is how many bytes of the text of an SSH_MSG_DISCONNECT ssh shows; it escapes those that are not ASCII.
const shownBySSH = 400

// reason words an error for SSH_MSG_DISCONNECT: in short where the whole can be read elsewhere, and else with the hints that are
// shown to their end.
func (a audience) reason(err error) string {
	text := "clever-ssh: " + err.Error()
	switch hostKey, unknown := new(proxycmd.HostKeyError), new(config.UnknownAliasError); {
	case a.visible && errors.As(err, &hostKey):
		text = fmt.Sprintf("clever-ssh: host key %s is not pinned", hostKey.Found)
	case errors.As(err, &hostKey): // what to do is more than which keys are pinned
		text = fmt.Sprintf("clever-ssh: host key %s of %s is not pinned", hostKey.Found, hostKey.Address)
	case a.visible && errors.As(err, &unknown):
		text = "clever-ssh: " + unknown.Error()
	}
	if !a.visible {
		for _, line := range ui.Hints(err) {
			if len(text)+len("; ")+len(line) > shownBySSH {
				break
			}
			text += "; " + line
		}
	}
	return quote.Line(strings.ReplaceAll(text, "\n", "; "))
}
