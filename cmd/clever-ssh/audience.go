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

// audience gets the messages of proxy and bridge: the person who typed ssh, a clever-ssh that started that ssh,
// or nobody; and the client itself.
type audience struct {
	io.Writer
	visible bool // whether a person may see it
	aside   bool // whether a clever-ssh listens, for as long as it wants
	bySSH   bool // whether the client is an ssh
}

// findAudience finds a place where the person who typed ssh reads messages. That is stderr, but with
// ControlPersist, ssh makes its helper's stderr /dev/null. Then it is the terminal, unless ssh's own stderr is
// /dev/null as well.
func findAudience(pid int, bySSH bool) audience {
	if path := os.Getenv(openssh.AsideVariable); filepath.IsAbs(path) { // a clever-ssh started that ssh, and listens
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

// refuse tells a person and the client why there is no connection, and returns the exit status.
func (a audience) refuse(err error) error {
	if told := new(toldError); !errors.As(err, &told) {
		ui.Error(a, err)
		a.settle()
	}
	proxycmd.Refuse(os.Stdin, os.Stdout, a.reason(err))
	return ui.ExitStatus(ui.ExitFailed)
}

// toldError is an error that the person has already read.
type toldError struct{ error }

// settle lets a client read our messages before it reads anything else. PuTTY reads them from another pipe, and
// after a DISCONNECT it reads nothing more. With ssh there is nothing to wait for: stderr is the terminal.
func (a audience) settle() {
	if a.visible && !a.bySSH {
		time.Sleep(settleTime)
	}
}

const settleTime = 250 * time.Millisecond

// release closes a terminal that findAudience opened: the helper of a persistent master must not keep a window
// from closing. After that, no messages are printed.
func (a *audience) release() {
	if tty, ok := a.Writer.(*os.File); ok && tty != os.Stderr && !a.aside {
		tty.Close()
		*a = audience{Writer: io.Discard, bySSH: a.bySSH}
	}
}

// shownBySSH is how many bytes of an SSH_MSG_DISCONNECT's text ssh shows. It escapes bytes that are not ASCII.
const shownBySSH = 400

// reason words an error for SSH_MSG_DISCONNECT: briefly if the whole can be read elsewhere, and otherwise with
// as many complete hints as ssh shows.
func (a audience) reason(err error) string {
	text := err.Error()
	switch hostKey, unknown := new(proxycmd.HostKeyError), new(config.UnknownAliasError); {
	case a.visible && errors.As(err, &hostKey):
		text = fmt.Sprintf("host key %s is not pinned", hostKey.Found)
	case errors.As(err, &hostKey): // advice matters more than the list of pinned keys
		text = fmt.Sprintf("host key %s of %s is not pinned", hostKey.Found, hostKey.Address)
	case a.visible && errors.As(err, &unknown):
		text = unknown.Error()
	}
	text = ui.Prefix + text
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
