package openssh

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/internal/pattern"
)

// ExpandTokens replaces tokens and variables in the name of a key file (ssh_config(5), TOKENS), which ssh -G leaves there. It is not
// ok if there are others.
func ExpandTokens(path, options string) (expanded string, ok bool) {
	ok = true
	expanded = token().ReplaceAllStringFunc(ExpandHome(path), func(t string) string {
		switch t {
		case "%%":
			return "%"
		case "%d":
			return ExpandHome("~/")
		case "%h":
			return Option(options, "hostname")
		case "%r":
			return Option(options, "user")
		case "%p":
			return Option(options, "port")
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

// ExpandHome replaces the ~ of the account's home at the beginning of a path.
func ExpandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := config.Home()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
