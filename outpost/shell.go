//go:build linux

package outpost

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// shell is what runs the commands.
type shell struct {
	path string
	bash bool
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// findShell finds bash as a shell would, or else takes sh.
func findShell() shell {
	path, set := os.LookupEnv("PATH")
	if !set {
		path = defaultPath
	}
	for _, folder := range strings.Split(path, ":") {
		file := filepath.Join(folder, "bash")
		if folder == "" {
			file = "./bash"
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && unix.Access(file, unix.X_OK) == nil {
			return shell{path: file, bash: true}
		}
	}
	return shell{path: "/bin/sh"}
}

// readsCommands is a command that reads commands, as a login shell would that has no terminal.
const readsCommands = `exec "${BASH:-/bin/sh}"`

// plain is a program that runs a command without login files. bash would read .bashrc, because ssh has started it. A command
// may begin with a hyphen.
func (s shell) plain(command string) *program {
	if s.bash {
		return &program{path: s.path, arguments: []string{s.path, "--norc", "-c", "--", command, "bash"}}
	}
	return &program{path: s.path, arguments: []string{s.path, "-c", "--", command, "sh"}}
}

// interactive is a login shell for a terminal.
func (s shell) interactive() *program {
	name := "-sh"
	if s.bash {
		name = "-bash"
	}
	return &program{path: s.path, arguments: []string{name}}
}

// What the shell that reads the login files has open beside /dev/null.
const (
	terminalDescriptor = 6 // the terminal, if there is one: it becomes the controlling one
	reportDescriptor   = 7 // where the script reports that the command begins
)

// login is a program that reads the login files and then runs a command. Whatever login files print is not part of the command's
// output, nor can they take its input: the shell that reads them has none of the command's files, and opens them when it is done.
// It does not get them as descriptors, because what login files leave behind in the background would hold them open.
//
// The shell that reads the files is replaced by the one that runs the command, which finds nothing left of it, counts its
// lines from 1 and does not run .bash_logout. The files may set $1, but not $0.
func (s shell) login(command string, files [3]*os.File) *program {
	open := "exec"
	for number, file := range files {
		direction := []string{"<", ">", "2>"}[number]
		open += " " + direction + descriptorPath(file)
	}
	report := strconv.Itoa(reportDescriptor)
	open += " && command echo >&" + report + " && exec 6>&- " + report + ">&- && "
	if s.bash {
		run := "exec " + quoted(s.path) + ` --norc -c -- "$0" bash`
		return &program{path: s.path, arguments: []string{s.path, "-lc", open + run, command}}
	}
	// Not every sh knows -l.
	read := `[ -r /etc/profile ] && . /etc/profile;[ -r "$HOME/.profile" ] && . "$HOME/.profile";`
	return &program{path: s.path, arguments: []string{s.path, "-c", read + open + `exec /bin/sh -c -- "$0" sh`, command}}
}

// descriptorPath is a path by which a process of this account can open a file that the outpost has open.
func descriptorPath(file *os.File) string {
	number := -1
	if raw, err := file.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(number)
}

// descriptorsHavePaths says whether descriptorPath leads anywhere.
func descriptorsHavePaths() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
}

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
