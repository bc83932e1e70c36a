//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"

	"golang.org/x/sys/unix"
)

// otherAccount is the account for which root acts in the folder of a file, nil where everybody acts for themselves.
func otherAccount(path string) (*user.User, error) {
	uid, _, ok := atomicfile.Owner(path)
	if os.Geteuid() != 0 || !ok || uid == 0 {
		return nil, nil
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil, fmt.Errorf("%s belongs to nobody on this machine: %w", path, err)
	}
	return u, nil
}

// asOwnerOf makes a command that root starts run as the account in whose folder a file is: ssh runs the Match exec lines of
// the configuration that it reads. They get neither root's terminal, into which they could type commands (TIOCSTI), nor
// root's environment.
func asOwnerOf(cmd *exec.Cmd, path string) error {
	u, err := otherAccount(path)
	if u == nil {
		return err
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, Setsid: true}
	cmd.Env = []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains([]string{"PATH", "SHELL", "TERM", "LANG", lookOnlyVariable}, name) || strings.HasPrefix(name, "LC_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Dir = "/"
	return nil
}

// warnOfOthers tells of a file that everybody can write to. ssh itself minds in its usual place only.
func warnOfOthers(file string) {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o002 != 0 {
		say(os.Stderr, hint(fmt.Errorf("everybody can write to %s, and so decide what your ssh does", file), "type: chmod go-w "+quote.Arg(file)))
	}
}

// sshFolder is the folder that a relative Include means in a configuration: the ~/.ssh of the account that reads it.
func sshFolder(l sshconfig.Layout) (string, error) {
	if !l.Standard {
		u, err := otherAccount(l.UserFile)
		if err != nil {
			return "", err
		}
		if u != nil {
			return filepath.Join(u.HomeDir, ".ssh"), nil
		}
	}
	home, err := config.Home()
	return filepath.Join(home, ".ssh"), err
}

// adviceOnAccess tells how to cure a file that ssh refuses because others can write to it, or because it is somebody else's.
func adviceOnAccess(path string) []string {
	advice := []string{"it must belong to you alone", "type: sudo chown \"$(id -un)\" " + quote.Arg(path)}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
		advice = []string{"others can write to that file", "type: chmod go-w " + quote.Arg(path)}
	}
	return append(advice, "then run this again")
}

// adviceOnOtherHome tells what to do about a file that ssh refuses because it looked below a $HOME that is not the account's, as it
// does for a relative Include. sudo may keep $HOME; to take the file from its owner would break what is set up there.
func adviceOnOtherHome(path string) []string {
	env, other := otherHome()
	if !other || !strings.HasPrefix(path, filepath.Clean(env)+"/") {
		return nil
	}
	home, err := config.Home()
	if err != nil {
		return nil
	}
	whose := "its owner"
	if info, err := os.Stat(path); err == nil {
		if u, err := user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid))); err == nil {
			whose = u.Username
		}
	}
	advice := []string{"for your ssh, type: export HOME=" + quote.Arg(home) + "   ($HOME is " + env + ")", "then run this again"}
	if os.Getuid() == 0 {
		advice = []string{"this is for root's ssh, and $HOME is " + env + "; for " + whose + "'s, run it without sudo"}
	}
	return advice
}

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
		return false, hint(fmt.Errorf("others have access to %s (mode %04o)", path, mode), "type: chmod 600 "+quote.Arg(path))
	case !private && (access.Foreign() || mode&0o022 != 0):
		return !access.Foreign() && mode&0o002 == 0, hint(access, cure(access))
	case info.Mode().IsRegular(): // a pipe would wait for who writes into it
		f, err := os.Open(path)
		if err != nil {
			return false, hint(err, "type: chmod u+r "+quote.Arg(path))
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
		advice = "its file system is read-only; have the entries elsewhere: clever-ssh setup --ssh-config FILE"
	}
	return hint(fmt.Errorf("connections cannot write to %s: %w", folder, err), advice)
}

// othersCanRead tells whether a file is not for the account alone.
func othersCanRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o044 != 0
}

// shellCounts is whether ssh runs what it starts with $SHELL.
const shellCounts = true

// homeVariableCounts is whether ssh looks at $HOME at all.
const homeVariableCounts = true

const adviceOnClock = "sudo timedatectl set-ntp true (Linux), sudo sntp -sS time.apple.com (macOS)"
