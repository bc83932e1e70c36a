package ui

import (
	"errors"
	"os"
	"os/user"
	"strconv"

	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"
)

// HintTrust adds to an error about settings that somebody else can change how to take them back.
func HintTrust(err error) error {
	access := new(atomicfile.AccessError)
	if !errors.As(err, &access) {
		return err
	}
	return Hint(err, "the settings decide which gateway is trusted: see that they still say what you want", Cure(access))
}

// Cure is the command that makes a file or folder one that only the account and root can change.
func Cure(e *atomicfile.AccessError) string {
	if e.Foreign() {
		account := `"$(id -un)"`
		if u, err := user.LookupId(strconv.Itoa(e.Account)); err == nil && e.Account != os.Getuid() { // for which root acts
			account = quote.Arg(u.Username)
		}
		return "type: sudo chown " + account + " " + quote.Arg(e.Path)
	}
	sudo := ""
	if e.Owner != os.Getuid() && os.Getuid() != 0 {
		sudo = "sudo "
	}
	return "type: " + sudo + "chmod go-w " + quote.Arg(e.Path)
}

var badMode = pattern.New(`Bad owner or permissions on (.+?)(; |$)`)

// ModeHints tells how to cure a file that ssh refuses because others can write to it, or because it is somebody else's.
func ModeHints(text string, l sshconfig.Layout) []string {
	m := badMode().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	if advice := adviceOnOtherHome(m[1]); advice != nil && l.Standard {
		return advice
	}
	return adviceOnAccess(m[1])
}
