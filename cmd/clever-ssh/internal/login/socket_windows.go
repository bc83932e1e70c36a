package login

import (
	"net"
	"os"
	"path/filepath"
)

// sharesNothing tells whether this system's ssh cannot share connections between commands. The ssh of Windows
// cannot.
const sharesNothing = true

// privateFolders returns no folders: there are no control sockets here.
func privateFolders(string) []string { return nil }

// lineFolders returns the folders for the sockets of lines: the derived one, which is in the account's profile,
// if this Windows has such sockets.
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
