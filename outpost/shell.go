//go:build linux

package outpost

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// shell runs the commands.
type shell struct {
	path string
	bash bool
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// findShell finds bash as a shell would, or else sh.
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

// readsCommands is a command that reads commands, as a login shell without a terminal would.
const readsCommands = `exec "${BASH:-/bin/sh}"`

// plain returns a program that runs a command without login files. bash would otherwise read .bashrc, because
// ssh started it. A command may begin with a hyphen.
func (s shell) plain(command string) *program {
	if s.bash {
		return &program{path: s.path, arguments: []string{s.path, "--norc", "-c", "--", command, "bash"}}
	}
	return &program{path: s.path, arguments: []string{s.path, "-c", "--", command, "sh"}}
}

// interactive returns a login shell for a terminal.
func (s shell) interactive() *program {
	name := "-sh"
	if s.bash {
		name = "-bash"
	}
	return &program{path: s.path, arguments: []string{name}}
}

// The files that the shell that reads the login files has open besides /dev/null.
const (
	terminalDescriptor = 6 // the terminal, if any: it becomes the controlling one
	reportDescriptor   = 7 // where the script reports that the command begins
)

// login returns a program that reads the login files and then runs a command. Whatever login files print is not
// part of the command's output, and they cannot take its input: the shell that reads them has none of the
// command's files, and opens them only afterwards. It does not get them as descriptors, because background
// processes of login files would hold them open.
//
// The command's shell replaces the one that reads the files. It finds nothing left of that one, counts its
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

// descriptorPath returns a path by which a process of this account can open a file that the outpost has open.
func descriptorPath(file *os.File) string {
	number := -1
	if raw, err := file.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { number = int(fd) })
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(number)
}

// descriptorsHavePaths reports whether descriptorPath leads anywhere.
func descriptorsHavePaths() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
}

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
