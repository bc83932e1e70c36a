package login

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/config"
)

// maxSocket is the longest path of a control socket: ssh adds 17 characters for a while, and macOS takes 103.
const maxSocket = 86

// socketPath is the path of the control socket for an alias, and for what else decides where a connection leads and as whom. It lies
// in a folder that nobody else can enter.
func socketPath(alias string, a config.Alias, options []string, derived string) string {
	folder := socketFolder(derived)
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, socketName(alias, a, options))
}

// socketFolder is the folder for control sockets; empty if there is none whose path can be one's beginning.
func socketFolder(derived string) string {
	for _, folder := range privateFolders(derived) {
		if len(folder)+len("/")+len(socketPrefix)+sumDigits <= maxSocket && !strings.ContainsAny(folder, `%"'\ `) {
			return folder
		}
	}
	return ""
}

// socketPrefix begins the name of each control socket.
const socketPrefix = "clever-ssh-"

// sumDigits is how many hexadecimal digits come after that.
const sumDigits = 16

// socketName tells connections apart that may lead elsewhere, or as somebody else.
func socketName(alias string, a config.Alias, options []string) string {
	g, via, folder := a.Gateway, "", ""
	if u := g.Via.URL(); u != nil {
		via = u.String()
	}
	if len(options) > 0 { // a relative path in them means another file in another folder
		folder, _ = os.Getwd()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{alias, a.Target, g.Address, g.Pins, g.Identity, via, options, folder, os.Getenv("SSH_AUTH_SOCK")}))
	return fmt.Sprintf("%s%x", socketPrefix, sum[:sumDigits/2])
}
