package config

import (
	"errors"
	"path/filepath"
)

// Home returns the home folder of the account, which is the one that ssh uses: ssh reads it from the password
// database and ignores $HOME (ssh(1), FILES).
func Home() (string, error) {
	home, err := accountHome()
	if err == nil && !filepath.IsAbs(home) {
		err = errors.New("the account has no home folder")
	}
	return home, err
}
