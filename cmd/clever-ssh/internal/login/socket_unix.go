//go:build unix

package login

import (
	"os"
	"path/filepath"
	"syscall"
)

// sharesNothing is whether the ssh of this system has no connections that commands share.
const sharesNothing = false

// lineFolders are the folders for the sockets of lines, which lie beside the control sockets.
func lineFolders(derived string) []string { return privateFolders(derived) }

// privateFolders are folders for sockets that nobody else can enter: the one that the system makes for that at login, and
// the derived one, which setup has made; those that are there and private.
func privateFolders(derived string) (list []string) {
	for _, folder := range []string{os.Getenv("XDG_RUNTIME_DIR"), derived} {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !filepath.IsAbs(folder) {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) == os.Geteuid() {
			list = append(list, folder)
		}
	}
	return list
}
