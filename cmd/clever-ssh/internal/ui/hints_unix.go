//go:build unix

package ui

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// accessHints says how to fix a file that ssh refuses because others can write to it, or because it belongs to
// somebody else.
func accessHints(path string) []string {
	hints := []string{"it must belong to you alone", "type: sudo chown \"$(id -un)\" " + quote.Arg(path)}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
		hints = []string{"others can write to that file", "type: chmod go-w " + quote.Arg(path)}
	}
	return append(hints, "then run this again")
}

// otherHomeHints says what to do about a file that ssh refuses because it looked below a $HOME that is not the
// account's, as it does for a relative Include. sudo may keep $HOME. Taking the file from its owner would break
// that owner's setup.
func otherHomeHints(path string) []string {
	env, other := OtherHome()
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
	hints := []string{"for your ssh, type: export HOME=" + quote.Arg(home) + "   ($HOME is " + env + ")", "then run this again"}
	if os.Getuid() == 0 {
		hints = []string{"this is for root's ssh, and $HOME is " + env + "; for " + whose + "'s, run it without sudo"}
	}
	return hints
}

// InstallSSH is a hint for a system without ssh.
const InstallSSH = "install OpenSSH"

// AddToPath is a hint for a folder that is not on PATH.
func AddToPath(folder string) string { return "add " + folder + " to PATH" }

// accessCommand returns a command that shows who owns the files of a folder.
func accessCommand(folder string) string { return "ls -la " + quote.Arg(folder) }

// WithShell names the shell that ssh uses for a Match exec.
func WithShell() string { return " with $SHELL, which is " + os.Getenv("SHELL") }

// StartAgent is a hint for an agent that does not answer.
const StartAgent = "start it, and add your key: eval $(ssh-agent); ssh-add   (or unset SSH_AUTH_SOCK)"

// SetClock is the command that sets the clock.
const SetClock = "sudo timedatectl set-ntp true (Linux), sudo sntp -sS time.apple.com (macOS)"
