//go:build unix

package openssh

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func killProcess(t *testing.T, pid string) {
	t.Helper()
	if n, err := strconv.Atoi(pid); err != nil || syscall.Kill(n, syscall.SIGKILL) != nil {
		t.Errorf("process %s was not left behind", pid)
	}
}

func TestVersionOf(t *testing.T) {
	for _, c := range []struct {
		script, want string
		fails        bool
	}{
		{"echo OpenSSH_9.9p1, OpenSSL 3 >&2", "OpenSSH_9.9p1, OpenSSL 3", false},
		{"echo; echo ' plink: Release 0.83 '; echo Build; exit 1", "plink: Release 0.83", false},
		{"exit 1", "", true},
	} {
		line, err := VersionOf(context.Background(), fakeProgram(t, "program", c.script), "-V")
		if line != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", c.script, line, err)
		}
	}
	if line, err := VersionOf(context.Background(), filepath.Join(t.TempDir(), "none")); line != "" || err == nil {
		t.Errorf("a program that is not there: %q, %v", line, err)
	}
}

// The ssh-keygen on PATH is used if there is one, otherwise the one next to ssh.
func TestKeygen(t *testing.T) {
	keygen := fakeProgram(t, "ssh-keygen", `case $1 in -y) echo "key of $3"; echo more;; *) printf 'not a key\nsorry\n' >&2; exit 1;; esac`)
	beside := SSH(filepath.Join(filepath.Dir(keygen), "ssh"))
	for title, ask := range map[string]struct {
		path string
		ssh  SSH
	}{"on PATH": {filepath.Dir(keygen), "ssh"}, "beside ssh": {"", beside}} {
		t.Setenv("PATH", ask.path+":/usr/bin:/bin") // which the script needs
		if ask.path == "" {
			t.Setenv("PATH", t.TempDir())
		}
		if line, err := ask.ssh.Keygen(context.Background(), "-y", "-f", "id"); line != "key of id" || err != nil {
			t.Errorf("%s: %q, %v", title, line, err)
		}
		if line, err := ask.ssh.Keygen(context.Background(), "-l"); line != "" || err == nil || err.Error() != "not a key; sorry" {
			t.Errorf("%s: %q, %v", title, line, err)
		}
	}
}

func TestOptionAndValues(t *testing.T) {
	const options = "user me\nidentityfile ~/.ssh/a\nidentityfile ~/.ssh/b c\nport\nhostname user\n"
	for keyword, want := range map[string][2]string{
		"user":         {"me", "me"},
		"identityfile": {"~/.ssh/a", "~/.ssh/a, ~/.ssh/b c"},
		"hostname":     {"user", "user"},
		"port":         {"", ""},
		"identity":     {"", ""},
	} {
		if one, all := Option(options, keyword), Values(options, keyword); one != want[0] || all != want[1] {
			t.Errorf("%s is %q, and all are %q", keyword, one, all)
		}
	}
	if strings.Contains(Option("port 22", "port"), "\n") {
		t.Error("a line end is part of a value")
	}
}
