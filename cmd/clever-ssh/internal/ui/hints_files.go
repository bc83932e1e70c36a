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

// HintTrust adds to an atomicfile.AccessError about the settings how to make them yours alone.
func HintTrust(err error) error {
	access := new(atomicfile.AccessError)
	if !errors.As(err, &access) {
		return err
	}
	return Hint(err, "the settings decide which gateway is trusted: check that they still say what you want", Cure(access))
}

// Cure is a hint: the command after which only the account and root can change a file or folder.
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

// ModeHints are the hints for what ssh says, if it refuses a file of the configuration because others can write to it or it is
// somebody else's; none for anything else.
func ModeHints(text string, l sshconfig.Layout) []string {
	m := badMode().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	if advice := otherHomeHints(m[1]); advice != nil && l.Standard {
		return advice
	}
	return accessHints(m[1])
}
