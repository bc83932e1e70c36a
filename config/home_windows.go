package config

import (
	"os"

	"golang.org/x/sys/windows"
)

// accountHome returns the profile's folder. user.Current would also ask for the account's full name, and would wait
// for a domain controller that is out of reach.
func accountHome() (string, error) {
	return windows.GetCurrentProcessToken().GetUserProfileDirectory()
}

// userConfigDir is %APPDATA%.
func userConfigDir() (string, error) { return os.UserConfigDir() }
