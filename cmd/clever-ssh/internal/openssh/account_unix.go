//go:build unix

package openssh

import (
	"errors"
	"fmt"
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
)

// otherAccount returns the account that root acts for in the folder of a file, or nil if everybody acts for
// themselves.
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

// asOwnerOf makes a command that root starts run as the account that owns a file's folder, because ssh runs the
// Match exec lines of the configuration that it reads. Those get neither root's terminal, into which they could
// type commands (TIOCSTI), nor root's environment.
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
		if slices.Contains([]string{"PATH", "SHELL", "TERM", "LANG", LookOnlyVariable}, name) || strings.HasPrefix(name, "LC_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Dir = "/"
	return nil
}

// Folder returns the folder where ssh looks for a relative Include: the ~/.ssh of the account that reads the
// configuration.
func Folder(l sshconfig.Layout) (string, error) {
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
