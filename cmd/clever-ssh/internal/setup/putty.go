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

// wantedSessions are the saved sessions that a configuration asks for.
func wantedSessions(c *config.Config, program sshconfig.Program, bridge ssh.PublicKey) ([]putty.Session, error) {
	if c.PuTTY == config.PuTTYNo {
		return nil, nil
	}
	home, err := config.Home()
	return putty.Sessions(c, program.PuTTY, home, ssh.FingerprintSHA256(bridge)), err
}

// puttyChanges compares PuTTY's saved sessions with those that are wanted now, and that may be there for what was known before.
func puttyChanges(s *settings.Settings, now *config.Config, wanted []putty.Session) (*putty.Changes, error) {
	store, err := putty.NewStore()
	if now.PuTTY == config.PuTTYAuto && !puttyIsInstalled() && (err != nil || !store.Used()) {
		return &putty.Changes{}, nil
	}
	var changes *putty.Changes
	if err == nil {
		changes, err = putty.Plan(store, s.Path, wanted, putty.Names(s.Config))
	}
	if err != nil && now.PuTTY == config.PuTTYNo { // who wants nothing of PuTTY is not to be stopped by it
		return &putty.Changes{}, nil
	}
	return changes, err
}

// puttyIsInstalled tells whether PuTTY is found. It may have been used nevertheless: on Windows it is often one file in a folder
// of downloads.
func puttyIsInstalled() bool {
	for _, name := range []string{"putty", "plink"} {
		if path, _ := openssh.FindProgram(name); path != "" {
			return true
		}
	}
	return false
}

// tellOfForeign tells which sessions are not written because there are others in their place.
func tellOfForeign(c *putty.Changes) {
	for _, name := range c.Foreign {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("PuTTY's saved session %s is yours, or was changed in PuTTY, and stays as it is", name),
			"to have it written, delete it in PuTTY and run this again"))
	}
}

// tellOfSessions tells which sessions stay though what they lead to has gone.
func tellOfSessions(c *putty.Changes) {
	for _, name := range c.Left {
		ui.Note(os.Stderr, "PuTTY's saved session %s is yours, or was changed in PuTTY, and stays", name)
	}
}
