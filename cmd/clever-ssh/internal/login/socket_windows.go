package login

import (
	"net"
	"os"
	"path/filepath"
)

// sharesNothing is whether the ssh of this system has no connections that commands share. The one of Windows has none.
const sharesNothing = true

// privateFolders are none: there is nothing to put there.
func privateFolders(string) []string { return nil }

// lineFolders are the folders for the sockets of lines: the derived one, which lies in the account's profile, if this Windows has such
// sockets.
func lineFolders(derived string) []string {
	if info, err := os.Lstat(derived); err != nil || !info.IsDir() {
		return nil
	}
	file := filepath.Join(derived, socketPrefix+"try")
	os.Remove(file)
	l, err := net.Listen("unix", file)
	if err != nil {
		return nil
	}
	l.Close()
	return []string{derived}
}
