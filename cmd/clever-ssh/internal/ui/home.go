package ui

import (
	"os"
	"path/filepath"

	"clever-ssh/config"
)

// OtherHome is $HOME, and whether that is set and another folder than the account's home, which ssh looks at as well.
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
