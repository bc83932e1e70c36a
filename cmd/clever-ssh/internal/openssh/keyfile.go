package openssh

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/internal/pattern"
)

// expandTokens replaces the tokens and variables in a key file's name (ssh_config(5), TOKENS), which ssh -G
// prints as they are written. ok is false if the name holds any that we do not know.
func expandTokens(path, options string) (expanded string, ok bool) {
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

// ExpandHome replaces a leading ~/ with the account's home.
func ExpandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	home, err := config.Home()
	if !ok || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// Exists reports whether there is a file at a path. A file that we cannot look at may exist.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// IdentityFiles yields the key files that ssh would offer, given the output of ssh -G, in its order. The bool
// is false for a path with tokens or variables that we cannot replace.
func IdentityFiles(options string) iter.Seq2[string, bool] {
	return func(yield func(path string, known bool) bool) {
		for written := range values(options, "identityfile") {
			if !yield(expandTokens(strings.Trim(written, `"`), options)) {
				return
			}
		}
	}
}
