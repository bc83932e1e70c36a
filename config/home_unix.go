//go:build unix

package config

import (
	"os"
	"os/user"
	"path/filepath"
)

// accountHome returns the home folder in the password database.
func accountHome() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.HomeDir, nil
}

// userConfigDir is $XDG_CONFIG_HOME, or ~/.config where that is unset or, against the XDG base directory
// specification, relative. macOS is no exception: clever-tools keeps its files there too.
func userConfigDir() (string, error) {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := Home()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".config"), nil
}
