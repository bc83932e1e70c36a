// Package caller finds the ssh that started this process and reads its command line.
//
// OpenSSH starts ProxyCommand and `Match exec` programs without a safe way to tell them the alias, the destination
// as the person typed it: %n is fatal in a ProxyCommand before 8.1, %h is in lower case, and both are expanded into
// a shell command unescaped. The arguments of the ssh itself pass through no shell.
package caller

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// process is what the operating system tells of one running process.
type process struct {
	program string   // the path of its executable; empty where the system does not say
	args    []string // with args[0], the program's name as its caller gave it; none for a zombie
	parent  int      // the parent's process id; 0 if there is none
	start   uint64   // when it started, in a unit of the platform's own: only good for comparing
}

// maxShells is how many processes may stand between an ssh and this one: $SHELL may be a script that starts another.
const maxShells = 8

// SSH reads the command line of the ssh that called this process and returns it with that ssh's process id.
//
// Without certain, the caller may be any program: it counts as an ssh by its name. A shell between the two (ssh runs its
// commands with `$SHELL -c`, on Windows with `cmd /c`) is skipped, one and no more. With certain, only an ssh can have
// called, whatever its name: whoever has this process's own command among its arguments was to run it and is skipped, and
// the first one that was not is the caller, if its command line asks ssh for a host that is ours.
//
// ok says whether the caller is an ssh. Where it is, err tells that its command line is not one that Parse knows. Where it
// is not, err tells why none was found, or, if certain is not set, that a process could not be read: the parent has gone,
// or belongs to somebody else.
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
		// A parent that started after its child is not its parent: the real one has ended, and its number was given to
		// somebody else. Windows never tells a child that its parent has ended.
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

// parseFor is Parse for an ssh that has read the entries of a host that is ours. That tells what -P is, which takes a value
// since OpenSSH 9.4 and took none before: the reading that asks for a host of ours. Where both do, they may not mean the
// same host.
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
// so its name says nothing.
func isShell(args []string) bool {
	return len(args) > 2 && commandFlag.MatchString(args[1])
}

// isTo returns what tells whether a process was started to run a command: a shell has it in one of its arguments, and so has a
// script that is somebody's $SHELL.
func isTo(command []string) func(args []string) bool {
	text := " " + strings.Join(command, " ")
	return func(args []string) bool { return len(args) > 1 && strings.Contains(strings.Join(args[1:], " "), text) }
}
