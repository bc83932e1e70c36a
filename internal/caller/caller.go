// Package caller finds the ssh that started this process and reads its command line.
//
// OpenSSH starts ProxyCommand and `Match exec` programs without a safe way to pass them the alias, the destination as
// the person typed it: %n is fatal in a ProxyCommand before 8.1, %h is in lower case, and both are expanded unescaped
// into a shell command. The arguments of the ssh itself pass through no shell.
package caller

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/internal/pattern"
)

// process is what the operating system reports about a running process.
type process struct {
	program string   // the path of its executable; empty where the system does not tell
	args    []string // with args[0], the program's name as its caller gave it; none for a zombie
	parent  int      // the parent's process id; 0 if there is none
	start   uint64   // when it started, in the platform's own unit: only good for comparing
}

// maxShells is how many processes may be between an ssh and this one: $SHELL may be a script that starts another.
const maxShells = 8

// SSH reads the command line of the ssh that called this process and returns it with that ssh's process id.
//
// Without certain, the caller may be any program: it counts as an ssh by its name. SSH skips at most one shell
// between the two (ssh runs its commands with `$SHELL -c`, on Windows with `cmd /c`). With certain, only an ssh can
// have called, whatever its name. SSH then skips every process that has this process's own command among its
// arguments, since it was started to run that command. The first process without it is the caller, if its command
// line asks ssh for a host that is ours.
//
// ok says whether the caller is an ssh. If it is, err says that Parse does not understand its command line. If it is
// not, err says why none was found or, without certain, that a process could not be read: the parent is gone, or
// belongs to somebody else.
//
// Call it early: an ssh that goes to the background as a ControlPersist master replaces its arguments.
func SSH(ours func(host string) bool, certain bool) (line CommandLine, pid int, ok bool, err error) {
	child, err := readProcess(os.Getpid())
	if err != nil {
		return CommandLine{}, 0, false, fmt.Errorf("reading this process: %w", err)
	}
	between, most := isShell, 1
	if certain {
		between, most = isTo(os.Args[1:]), maxShells
	}
	for range most + 1 {
		pid := child.parent
		if pid == 0 {
			break
		}
		parent, err := readProcess(pid)
		if err != nil {
			return CommandLine{}, 0, false, fmt.Errorf("reading parent process %d: %w", pid, err)
		}
		// A parent that started after its child is not its parent: the real one has ended, and another process got
		// its number. Windows never tells a child that its parent has ended.
		if parent.start > child.start {
			break
		}
		named := isSSH(parent.args)
		if named || certain {
			line, err := parseFor(ours, parent.args)
			line.Program = parent.program
			switch {
			case err == nil && (named || ours(line.Destination)):
				return line, pid, true, nil
			case named:
				return CommandLine{Program: parent.program}, pid, true, fmt.Errorf("command line of ssh, process %d: %w", pid, err)
			}
		}
		if !between(parent.args) {
			if certain {
				err = fmt.Errorf("process %d is not an ssh: %.100q", pid, strings.Join(parent.args, " "))
			}
			return CommandLine{}, 0, false, err
		}
		child = parent
	}
	if certain {
		err = errors.New("the ssh that called this has ended")
	}
	return CommandLine{}, 0, false, err
}

// parseFor is Parse for an ssh that has read the entries of a host that is ours. That decides how to read -P, which
// takes a value since OpenSSH 9.4 and took none before: the right reading is the one that asks for a host of ours. If
// both do, they may not mean the same host.
func parseFor(ours func(host string) bool, args []string) (CommandLine, error) {
	line, err := Parse(args)
	before, errBefore := parse(args, plainFlags+"P", strings.Replace(valueFlags, "P", "", 1))
	switch {
	case errBefore != nil || !ours(before.Destination):
	case err != nil || !ours(line.Destination):
		return before, nil
	case slices.ContainsFunc(before.Flags, func(f Flag) bool { return f.Letter == 'P' }):
		return CommandLine{}, errors.New("-P means one thing to OpenSSH 9.4 and later, and another to older versions: use -o Tag=... instead")
	}
	return line, err
}

// isSSH reports whether a process with these arguments was started as ssh, or as slogin, its other name; on Windows
// that may be SSH.EXE.
func isSSH(args []string) bool {
	if len(args) == 0 {
		return false
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(args[0])), ".exe")
	return name == "ssh" || name == "slogin"
}

// commandFlag matches the flag that makes a shell run one command: -c, alone or at the end of a cluster such as -lc,
// or cmd's /c.
var commandFlag = pattern.New(`^(-[A-Za-z]*c|/[cC])$`)

// isShell reports whether a process with these arguments is a shell that runs one command. $SHELL may be any program,
// so its name says nothing.
func isShell(args []string) bool {
	return len(args) > 2 && commandFlag().MatchString(args[1])
}

// isTo returns a function that reports whether a process was started to run a command. A shell has the command in one
// of its arguments, and so does a script that is somebody's $SHELL.
func isTo(command []string) func(args []string) bool {
	text := " " + strings.Join(command, " ")
	return func(args []string) bool { return len(args) > 1 && strings.Contains(strings.Join(args[1:], " "), text) }
}
