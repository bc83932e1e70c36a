//go:build unix

package sshconfig

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// shells may be anybody's $SHELL, which runs the lines that we write.
var shells = []string{"bash", "dash", "zsh", "fish", "tcsh", "ksh"}

// oddFolders are names that mean something to one of the shells, to ssh, or to both.
var oddFolders = []string{
	"plain", "with blank", "two  blanks", " first", "last ", "clé", "日本", "100%", "%h", "%%", "a&b", "&&", "a;b", ";", "a(b)", "(", "$HOME", "${HOME}", "$(touch pwned)",
	"`touch pwned`", "$1", "$", "*", "?", "[a-z]", "{a,b}", "~", "~root", "#", "a#b", "=ls", "-x", "^x", "|", "a<b", ">pwned", "@", "a:b", "+x", ",", "\u00a0", "e\u0301",
}

// nested returns paths with all of these folders, many in each. Folders that need no quotes and those that need them
// are in separate paths.
func nested(t *testing.T) (paths []string) {
	t.Helper()
	var bare, quoted []string
	for _, folder := range oddFolders {
		p, err := UnixProgram("/" + folder + "/clever-ssh")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(p.Proxy, "'") {
			quoted = append(quoted, folder)
		} else {
			bare = append(bare, folder)
		}
	}
	for _, group := range [][]string{bare, quoted} {
		for folders := range slices.Chunk(group, 8) {
			paths = append(paths, filepath.Join(folders...))
		}
	}
	return paths
}

func TestShellsRunTheQuotedProgram(t *testing.T) {
	test.Slow(t)
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			path := test.Need(t, shell)
			t.Parallel()
			for i, folder := range nested(t) {
				program := fakeProgram(t, folder, 1)
				p, err := UnixProgram(program)
				if err != nil {
					t.Fatal(err)
				}
				line := "exec " + strings.ReplaceAll(p.Proxy, "%%", "%") + " proxy clever" // as ssh gives it to the shell
				home := tempDir(t)
				cmd := exec.Command(path, "-c", line)
				cmd.Dir = home
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "SHELL=" + path, "LC_ALL=" + [...]string{"C", "C.UTF-8"}[i%2]}
				if out, _ := cmd.CombinedOutput(); len(out) > 0 {
					t.Errorf("%s:\n%s", line, out)
				}
				if _, err := os.Stat(filepath.Join(home, "pwned")); err == nil {
					t.Errorf("%s: a part of the path was executed", line)
				}
				if got := calls(program); got != "<proxy><clever>" {
					t.Errorf("folder %q: %s", folder, got)
				}
			}
		})
	}
}

// Through the real ssh, which parses the line before a shell does. Its connection is a program that fails, so nothing
// is dialled.
func TestSSHRunsTheQuotedProgram(t *testing.T) {
	test.Slow(t)
	for _, c := range []struct {
		title   string
		folders []string
		shells  []string
	}{
		{"every folder", nested(t), []string{"sh"}},
		{"every shell", []string{strings.Join(oddFolders, " ")}, shells},
	} {
		t.Run(c.title, func(t *testing.T) {
			for _, shell := range c.shells {
				path, err := exec.LookPath(shell)
				if err != nil {
					t.Run(shell, func(t *testing.T) { test.Missing(t, shell) })
					continue
				}
				for _, folder := range c.folders {
					t.Run(shell+"/"+folder, func(t *testing.T) {
						t.Parallel()
						sshRuns(t, path, folder)
					})
				}
			}
		})
	}
}

func sshRuns(t *testing.T, shell, folder string) {
	program := fakeProgram(t, folder, 1)
	l := newLayout(t, "")
	var err error
	if l.Program, err = UnixProgram(program); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(filepath.Dir(l.UserFile), "my key 100%h")
	write(t, key, "no key")
	setup(t, parse(t, "[[gateway]]\naddress = 'ssh@127.0.0.1:1'\npins = ['"+somePin+"']\nidentity = '"+key+"'\n[names]\nweb = 'app_x'\n"), l, "")
	connect := func(args ...string) (said string) {
		cmd := sshCommand(t, l.UserFile, append([]string{"-v", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"}, args...)...)
		cmd.Env = append(cmd.Env, "SHELL="+shell)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("ssh %s has connected to a program that ends at once", args)
		}
		return string(out)
	}
	out := connect("app_x.clever")
	want := "<match><command><match><direct><proxy><--ssh><clever>"
	if got := calls(program); got != want {
		t.Errorf("%s, got %s\n%s", shell, got, out)
	}
	if !strings.Contains(out, "identity file "+key+" type") {
		t.Errorf("ssh does not offer %q:\n%s", key, out)
	}
	out = connect("web.run.clever", "ls")
	want += "<match><command><bridge><web.clever>"
	if got := calls(program); got != want {
		t.Errorf("%s, a run alias, got %s\n%s", shell, got, out)
	}
	wantBridge(t, program)
	out = connect("app_x.clever", "ls")
	want += "<match><command><match><direct><bridge>"
	if got := calls(program); got != want {
		t.Errorf("%s, a command, got %s\n%s", shell, got, out)
	}
}

func TestFindProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const name = "clever-ssh"
	linked, other, empty, dangling, folder := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	for link, target := range map[string]string{
		filepath.Join(linked, name): self,
		// A package manager's link leads to another link.
		filepath.Join(linked, "step"):  self,
		filepath.Join(linked, "chain"): filepath.Join(linked, "step"),
		filepath.Join(dangling, name):  "/nonexistent/clever-ssh",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	chained := t.TempDir()
	if err := os.Symlink(filepath.Join(linked, "chain"), filepath.Join(chained, name)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(other, name), "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(other, name), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(linked)

	for _, c := range []struct{ title, path, want string }{
		{"not on PATH", empty, self},
		{"no PATH", "", self},
		{"a link to the same file", linked, filepath.Join(linked, name)},
		{"a link to a link", chained, filepath.Join(chained, name)},
		{"the first of two", chained + ":" + linked, filepath.Join(chained, name)},
		{"after folders without it", empty + ":" + dangling + ":" + folder + ":" + linked, filepath.Join(linked, name)},
		{"another file", other, self},
		{"another file first: that is what the name means", other + ":" + linked, self},
		{"a link that leads nowhere", dangling, self},
		{"a folder of that name", folder, self},
		{"the current folder", ".", self},
		{"the current folder, as an empty entry", ":" + empty, self},
		{"a relative folder", "../" + filepath.Base(linked), self},
		{"a relative folder before the link", ".:" + linked, self},
	} {
		t.Run(c.title, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			got, err := FindProgram()
			if err != nil || got != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
}
