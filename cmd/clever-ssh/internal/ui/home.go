package ui

import (
	"os"
	"path/filepath"

	"clever-ssh/config"
)

// OtherHome returns $HOME, and whether it is set to a folder other than the account's home, where ssh looks as
// well.
func OtherHome() (env string, other bool) {
	env, set := os.LookupEnv("HOME")
	home, err := config.Home()
	if err != nil || !set || !homeVariableCounts || filepath.Clean(env) == filepath.Clean(home) {
		return env, false
	}
	a, errA := os.Stat(env)
	b, errB := os.Stat(home)
	return env, errA != nil || errB != nil || !os.SameFile(a, b)
}
