//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"clever-ssh/internal/atomicfile"
)

// asOwnerOf makes a command that root starts run as the account in whose folder a file is: ssh runs the Match exec lines of
// the configuration that it reads.
func asOwnerOf(cmd *exec.Cmd, path string) error {
	uid, _, ok := atomicfile.Owner(path)
	if os.Geteuid() != 0 || !ok || uid == 0 {
		return nil
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return fmt.Errorf("%s belongs to nobody on this machine: %w", path, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	cmd.Env = append(os.Environ(), "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
	cmd.Dir = "/"
	return nil
}
