// Package caller finds the ssh that started this process and reads its command line.
//
// OpenSSH starts ProxyCommand and `Match exec` programs without a safe way to tell them the alias, the destination
// as the person typed it: %n is fatal in a ProxyCommand before 8.1, %h is in lower case, and both are expanded into
// a shell command unescaped. The arguments of the ssh itself pass through no shell.
package caller

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// process is what the operating system tells of one running process.
type process struct {
	args   []string // with args[0], the program's name as its caller gave it; none for a zombie
	parent int      // the parent's process id; 0 if there is none
	start  uint64   // when it started, in a unit of the platform's own: only good for comparing
}

// SSH reads the command line of the ssh that called this process, its parent, and returns it with that ssh's process
// id. A shell between the two (ssh runs its commands with `$SHELL -c`, on Windows with `cmd /c`) is skipped, one and
// no more.
//
// ok says whether the caller is an ssh. Where it is not, err is nil unless a process could not be read: the parent
// has gone, or belongs to somebody else. Where it is, err tells that its command line is not one that Parse knows.
//
// Call it early: an ssh that goes to the background as a ControlPersist master replaces its arguments.
func SSH() (line CommandLine, pid int, ok bool, err error) {
	child, err := readProcess(os.Getpid())
	if err != nil {
		return CommandLine{}, 0, false, fmt.Errorf("reading this process: %w", err)
	}
	for range 2 {
		pid := child.parent
		if pid == 0 {
			break
		}
		parent, err := readProcess(pid)
		if err != nil {
			return CommandLine{}, 0, false, fmt.Errorf("reading parent process %d: %w", pid, err)
		}
		// A parent that started after its child is none: the real one has ended, and its number was given to
		// somebody else. Windows never tells a child that its parent has ended.
		if parent.start > child.start {
			break
		}
		if isSSH(parent.args) {
			line, err := Parse(parent.args)
			if err != nil {
				return CommandLine{}, pid, true, fmt.Errorf("command line of ssh, process %d: %w", pid, err)
			}
			return line, pid, true, nil
		}
		if !isShell(parent.args) {
			break
		}
		child = parent
	}
	return CommandLine{}, 0, false, nil
}

// isSSH tells whether a process with these arguments was started as ssh, or as slogin, its other name; on Windows
// that may be SSH.EXE.
func isSSH(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(args[0])), ".exe")
	return name == "ssh" || name == "slogin"
}

// commandFlag is what makes a shell run one command: -c, alone or at the end of a cluster such as -lc, or cmd's /c.
var commandFlag = regexp.MustCompile(`^(-[A-Za-z]*c|/[cC])$`)

// isShell tells whether a process with these arguments is a shell that runs one command. $SHELL may be any program,
// so its name does not count.
func isShell(args []string) bool {
	return len(args) > 2 && commandFlag.MatchString(args[1])
}
