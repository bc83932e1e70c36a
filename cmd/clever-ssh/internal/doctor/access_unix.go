//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"

	"golang.org/x/sys/unix"
)

// accessIsSeen is whether accessProblem sees anything.
const accessIsSeen = true

// accessProblem tells what ssh has against a file or folder, if it is there: it must belong to the account or to root, and nobody else may
// write to it. A private one nobody else may read, if it is the account's own: whoever mounts a key for it decides that themselves. It
// is the group's where the group alone can write: Debian's ssh, and its descendants', allow that if nobody else is in the group.
func accessProblem(path string, private bool) (group bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	mode := info.Mode().Perm()
	access := &atomicfile.AccessError{Path: path, Owner: os.Getuid(), Account: os.Getuid(), Mode: mode}
	if s, ok := info.Sys().(*syscall.Stat_t); ok { // the file's own: atomicfile.Owner is whose folder it is in
		access.Owner = int(s.Uid)
	}
	switch {
	case private && access.Owner == access.Account && mode&0o077 != 0:
		return false, ui.Hint(fmt.Errorf("others have access to %s (mode %04o)", path, mode), "type: chmod 600 "+quote.Arg(path))
	case !private && (access.Foreign() || mode&0o022 != 0):
		return !access.Foreign() && mode&0o002 == 0, ui.Hint(access, ui.Cure(access))
	case info.Mode().IsRegular(): // a pipe would wait for a writer
		f, err := os.Open(path)
		if err != nil {
			return false, ui.Hint(err, "type: chmod u+r "+quote.Arg(path))
		}
		return false, f.Close()
	}
	return false, nil
}

// writeProblem tells why the account cannot write to a folder, if it is there: each connection may have to enter its alias and
// the gateway's host key.
func writeProblem(folder string) error {
	err := unix.Access(folder, unix.W_OK|unix.X_OK)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	advice := "type: chmod u+wx " + quote.Arg(folder)
	if errors.Is(err, unix.EROFS) {
		advice = "its file system is read-only; put the entries elsewhere: clever-ssh setup --ssh-config FILE"
	}
	return ui.Hint(fmt.Errorf("connections cannot write to %s: %w", folder, err), advice)
}

// othersCanRead tells whether a file is not for the account alone.
func othersCanRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o044 != 0
}

// shellCounts is whether ssh runs what it starts with $SHELL.
const shellCounts = true
