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

// HintTrust adds hints to an atomicfile.AccessError about the settings: how to make them yours alone.
func HintTrust(err error) error {
	access := new(atomicfile.AccessError)
	if !errors.As(err, &access) {
		return err
	}
	return Hint(err, "the settings decide which gateway is trusted: check that they still say what you want", Cure(access))
}

// Cure returns a hint: the command after which only the account and root can change a file or folder.
func Cure(e *atomicfile.AccessError) string {
	if e.Foreign() {
		account := `"$(id -un)"`
		if u, err := user.LookupId(strconv.Itoa(e.Account)); err == nil && e.Account != os.Getuid() { // root acts for it
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

// ModeHints returns the hints for ssh's message that it refuses a file of the configuration, because others can
// write to it or it belongs to somebody else. It returns none for any other text.
func ModeHints(text string, l sshconfig.Layout) []string {
	m := badMode().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	if hints := otherHomeHints(m[1]); hints != nil && l.Standard {
		return hints
	}
	return accessHints(m[1])
}
