//go:build linux

package outpost

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Hold marks this program's file as in use, until release is called or the process ends. From the folder it
// removes outposts that nobody holds, and sockets that nobody listens at. It touches nothing else there.
func Hold(folder string) (release func()) {
	own, err := os.Open("/proc/self/exe")
	if err == nil {
		unix.Flock(int(own.Fd()), unix.LOCK_SH)
	}
	if makePrivate(folder) == nil { // otherwise somebody led us to another folder
		removeStaleAgents(folder)
		removeUnheld(folder)
	}
	return func() { own.Close() }
}

// nameLength is the length of a SHA-256 in hexadecimal, which is an outpost's name.
const nameLength = 64

func removeUnheld(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		switch name := entry.Name(); {
		case !entry.Type().IsRegular():
		case len(name) == nameLength && isHex(name):
			removeUnlessHeld(filepath.Join(folder, name))
		case isLeftOver(name):
			os.Remove(filepath.Join(folder, name))
		}
	}
}

// isLeftOver reports whether a file is part of an outpost that a shell was writing before it went away. The
// name of such a file is a full stop, the outpost's name, a full stop and the shell's process id.
func isLeftOver(name string) bool {
	rest, ok := strings.CutPrefix(name, ".")
	if !ok || len(rest) < nameLength || !isHex(rest[:nameLength]) {
		return false
	}
	text, ok := strings.CutPrefix(rest[nameLength:], ".")
	pid, err := strconv.Atoi(text)
	return ok && err == nil && pid > 1 && unix.Kill(pid, 0) == unix.ESRCH
}

func removeUnlessHeld(path string) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.Remove(path)
	}
}
