package setup

import (
	"fmt"
	"os"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"

	"golang.org/x/crypto/ssh"
)

// wantedSessions returns PuTTY's saved sessions for a configuration.
func wantedSessions(c *config.Config, program sshconfig.Program, bridge ssh.PublicKey) ([]putty.Session, error) {
	if c.PuTTY == config.PuTTYNo {
		return nil, nil
	}
	home, err := config.Home()
	return putty.Sessions(c, program.PuTTY, home, ssh.FingerprintSHA256(bridge)), err
}

// puttyChanges compares PuTTY's saved sessions with the ones wanted now, and with those that the settings asked for before.
func puttyChanges(s *settings.Settings, now *config.Config, wanted []putty.Session) (*putty.Changes, error) {
	store, err := putty.NewStore()
	if now.PuTTY == config.PuTTYAuto && !puttyIsInstalled() && (err != nil || !store.Used()) {
		return &putty.Changes{}, nil
	}
	var changes *putty.Changes
	if err == nil {
		changes, err = putty.Plan(store, s.Path, wanted, putty.Names(s.Config))
	}
	if err != nil && now.PuTTY == config.PuTTYNo { // trouble with PuTTY must not stop people who do not want it
		return &putty.Changes{}, nil
	}
	return changes, err
}

// puttyIsInstalled reports whether we find PuTTY. It may be in use all the same: on Windows it is often a
// single file in the downloads folder.
func puttyIsInstalled() bool {
	for _, name := range []string{"putty", "plink"} {
		if path, _ := openssh.FindProgram(name); path != "" {
			return true
		}
	}
	return false
}

// foreignSessions returns errors for the sessions that are not written because the user has others with the
// same names.
func foreignSessions(c *putty.Changes) []error {
	var list []error
	for _, name := range c.Foreign {
		list = append(list, ui.Hint(fmt.Errorf("PuTTY's saved session %s stays as it is: it is yours, or was changed in PuTTY", name),
			"to replace it, delete it in PuTTY and run this again"))
	}
	return list
}

// noteSessionsLeft names the sessions that stay although their target is gone.
func noteSessionsLeft(c *putty.Changes) {
	for _, name := range c.Left {
		ui.Note(os.Stderr, "PuTTY's saved session %s stays: it is yours, or was changed in PuTTY", name)
	}
}
