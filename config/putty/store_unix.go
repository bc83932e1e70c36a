//go:build unix

package putty

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
)

// NewStore returns the store of this user's PuTTY: the folder that PuTTY itself would use (unix/storage.c). Unlike
// ssh, PuTTY goes by $HOME.
func NewStore() (Store, error) {
	var f folder
	if sessions, ok := os.LookupEnv("PUTTYSESSIONS"); ok {
		f = folder{sessions, []string{sessions}}
	} else {
		dir, err := puttyFolder()
		if err != nil {
			return nil, err
		}
		sessions := filepath.Join(dir, "sessions")
		f = folder{sessions, []string{dir, sessions}}
	}
	if !filepath.IsAbs(f.sessions) {
		return nil, fmt.Errorf("PuTTY's folder %q is not absolute", f.sessions)
	}
	return f, nil
}

// puttyFolder returns the first folder that exists, or ~/.putty.
func puttyFolder() (string, error) {
	if dir, ok := os.LookupEnv("PUTTYDIR"); ok {
		return dir, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	home := cmp.Or(os.Getenv("HOME"), u.HomeDir)
	for _, dir := range []string{
		filepath.Join(cmp.Or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config")), "putty"),
		filepath.Join(home, ".putty"),
		filepath.Join(u.HomeDir, ".putty"),
	} {
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
	}
	return filepath.Join(home, ".putty"), nil
}
