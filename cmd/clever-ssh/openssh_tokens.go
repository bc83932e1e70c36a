package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/internal/pattern"
)

// expandTokens replaces tokens and variables in the name of a key file (ssh_config(5), TOKENS), which ssh -G leaves there. It is not
// ok if there are others.
func expandTokens(path, options string) (expanded string, ok bool) {
	ok = true
	expanded = token().ReplaceAllStringFunc(expandHome(path), func(t string) string {
		switch t {
		case "%%":
			return "%"
		case "%d":
			return expandHome("~/")
		case "%h":
			return optionOf(options, "hostname")
		case "%r":
			return optionOf(options, "user")
		case "%p":
			return optionOf(options, "port")
		case "%u":
			if u, err := user.Current(); err == nil {
				return u.Username
			}
		}
		if value, set := os.LookupEnv(strings.Trim(t, "${}")); t[0] == '$' && set {
			return value
		}
		ok = false
		return t
	})
	return expanded, ok
}

var token = pattern.New(`%.?|\$\{[^}]*\}`)

// expandHome replaces the ~ of the account's home at the beginning of a path.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := config.Home()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
