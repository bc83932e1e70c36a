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

// accessIsSeen tells whether accessProblem can find anything.
const accessIsSeen = true

// accessProblem returns ssh's objection to a file or folder, if it exists. The file must belong to the account
// or to root, and nobody else may write to it. If a private file belongs to the account, nobody else may read
// it either; if somebody else mounts a key for the account, they decide who reads it. group is true if only the
// group can write: Debian's ssh and its descendants allow that if nobody else is in the group.
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
	if s, ok := info.Sys().(*syscall.Stat_t); ok { // the file's own owner: atomicfile.Owner tells whose folder it is in
		access.Owner = int(s.Uid)
	}
	switch {
	case private && access.Owner == access.Account && mode&0o077 != 0:
		return false, ui.Hint(fmt.Errorf("others have access to %s (mode %04o)", path, mode), "type: chmod 600 "+quote.Arg(path))
	case !private && (access.Foreign() || mode&0o022 != 0):
		return !access.Foreign() && mode&0o002 == 0, ui.Hint(access, ui.Cure(access))
	case info.Mode().IsRegular(): // opening a pipe would wait for a writer
		f, err := os.Open(path)
		if err != nil {
			return false, ui.Hint(err, "type: chmod u+r "+quote.Arg(path))
		}
		return false, f.Close()
	}
	return false, nil
}

// writeProblem returns the reason why the account cannot write to a folder, if it exists: any connection may
// have to write its alias and the gateway's host key there.
func writeProblem(folder string) error {
	err := unix.Access(folder, unix.W_OK|unix.X_OK)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	hint := "type: chmod u+wx " + quote.Arg(folder)
	if errors.Is(err, unix.EROFS) {
		hint = "its file system is read-only; put the entries elsewhere: clever-ssh setup --ssh-config FILE"
	}
	return ui.Hint(fmt.Errorf("connections cannot write to %s: %w", folder, err), hint)
}

// othersCanRead reports whether other accounts can read a file.
func othersCanRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o044 != 0
}

// shellCounts tells whether ssh runs commands with $SHELL.
const shellCounts = true
