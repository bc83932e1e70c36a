package login

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/config"
)

// maxSocket is the longest path of a control socket: ssh adds 17 characters for a while, as line.Socket does, and
// macOS allows 103.
const maxSocket = 86

// socketPath returns the path of the control socket for an alias, and for everything else that decides where a
// connection leads and as whom. It is in a folder that nobody else can enter.
func socketPath(alias string, a config.Alias, options []string, derived string) string {
	folder := socketFolder(derived)
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, socketName(alias, a, options))
}

// socketFolder returns the folder for control sockets, or "" if no folder has a short enough path.
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

// sumDigits is how many hexadecimal digits follow the prefix.
const sumDigits = 16

// socketName gives different names to connections that may lead to different places, or log in as somebody
// else.
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
