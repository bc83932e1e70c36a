//go:build unix

package login

import (
	"os"
	"path/filepath"
	"syscall"
)

// sharesNothing tells whether this system's ssh cannot share connections between commands.
const sharesNothing = false

// lineFolders returns the folders for the sockets of lines, which are beside the control sockets.
func lineFolders(derived string) []string { return privateFolders(derived) }

// privateFolders returns folders for sockets that nobody else can enter: the one that the system makes for this
// purpose at login, and the derived one, which setup made. It leaves out folders that are missing or not
// private.
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
