//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// privateFolder is a folder for sockets that nobody else can enter: the one that the system makes for that at login, or else
// the derived one, which setup has made. Empty if neither is there, or is private.
func privateFolder(derived string) string {
	for _, folder := range []string{os.Getenv("XDG_RUNTIME_DIR"), derived} {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !filepath.IsAbs(folder) {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) == os.Geteuid() {
			return folder
		}
	}
	return ""
}
