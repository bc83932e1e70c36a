package config

import "os"

// userConfigDir is %APPDATA%.
func userConfigDir() (string, error) { return os.UserConfigDir() }
