package config

import (
	"errors"
	"os/user"
	"path/filepath"
)

// Home returns the home folder of the account, which is the one that ssh uses: ssh reads it from the password
// database and ignores $HOME (ssh(1), FILES).
func Home() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(u.HomeDir) {
		return "", errors.New("the account has no home folder")
	}
	return u.HomeDir, nil
}
