package sshconfig

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"clever-ssh/internal/pattern"
)

// Program is how the entries call clever-ssh: quoted for the shell that runs it, and with % doubled for ssh.
type Program struct {
	Proxy string // in a ProxyCommand, which ssh itself begins with exec on Unix
	Match string // in a Match exec, inside double quotes; empty where it cannot be written
	PuTTY string // in PuTTY's local proxy command, run by /bin/sh, or CreateProcess on Windows; PuTTY halves each %%
}

// FindProgram returns the path of the running program to write into entries. It is the one on PATH if that is the
// same file, because a package manager keeps that link when it moves the file; otherwise it is the file's own.
func FindProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	onPath, err := exec.LookPath("clever-ssh")
	if err != nil || !filepath.IsAbs(onPath) {
		return self, nil
	}
	a, errA := os.Stat(self)
	b, errB := os.Stat(onPath)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return onPath, nil
	}
	return self, nil
}

// ThisProgram returns the running program, quoted for this system.
func ThisProgram() (Program, error) {
	path, err := FindProgram()
	if err != nil {
		return Program{}, err
	}
	return NewProgram(path)
}

var (
	bareUnix    = pattern.New(`\A[A-Za-z0-9_/.,:+@-]+\z`)
	bareWindows = pattern.New(`\A[A-Za-z]:[A-Za-z0-9_/.+@~-]+\z`) // for cmd.exe, a comma ends a command's name
)

// UnixProgram quotes a path for bash, dash, zsh, fish, tcsh and ksh alike: any of them may be $SHELL, which runs
// these lines. Inside single quotes they all leave every character alone, except those refused here.
func UnixProgram(path string) (Program, error) {
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("'\"\\!", r) }) {
		return Program{}, fmt.Errorf(`the program's path %q contains a quote, a backslash or an exclamation mark, which some shells cannot handle: install clever-ssh elsewhere`, path)
	}
	if !bareUnix().MatchString(path) {
		path = "'" + path + "'"
	}
	path = strings.ReplaceAll(path, "%", "%%")
	return Program{Proxy: path, Match: "exec " + path, PuTTY: path}, nil
}

// WindowsProgram quotes a path for cmd.exe. It uses forward slashes: Git Bash's ssh eats backslashes, and PuTTY takes
// them for escapes. A Match exec cannot hold double quotes, so it gets the short path (8.3), which may be empty. So
// does PuTTY: it reads the registry in the system's code page, which may lack letters of the path. Git Bash's ssh has
// sh run its commands, where double quotes do not stop $ and a backtick.
func WindowsProgram(path, short string) (Program, error) {
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || strings.ContainsRune("\"$`", r) }) {
		return Program{}, fmt.Errorf("the program's path %q cannot be written to ssh_config: install clever-ssh elsewhere", path)
	}
	path, short = strings.ReplaceAll(path, `\`, "/"), strings.ReplaceAll(short, `\`, "/")
	p := Program{Proxy: `"` + strings.ReplaceAll(path, "%", "%%") + `"`}
	switch {
	case bareWindows().MatchString(path):
		p.Match = path
	case bareWindows().MatchString(short):
		p.Match = short
	}
	p.PuTTY = cmp.Or(p.Match, p.Proxy)
	return p, nil
}

var proxyCall = pattern.New(`(?m)^    ProxyCommand (.+) proxy (?:--ssh )?[a-z0-9.-]+$`)

// WrittenProgram finds in the content of the file config how the entries call clever-ssh, and the path that this
// means. Both are empty if there is no such entry.
func WrittenProgram(config []byte) (proxy, path string) {
	m := proxyCall().FindSubmatch(config)
	if m == nil {
		return "", ""
	}
	proxy = string(m[1])
	return proxy, filepath.FromSlash(strings.ReplaceAll(strings.Trim(proxy, `'"`), "%%", "%"))
}
