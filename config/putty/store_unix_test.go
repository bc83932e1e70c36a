//go:build unix

package putty

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
)

// PuTTY itself finds the sessions where NewStore says they are.
func TestNewStore(t *testing.T) {
	test.Slow(t)
	plink := test.Need(t, "plink")
	for _, c := range []struct {
		title   string
		folders []string // those that exist
		env     []string
		want    string
	}{
		{"the old one", []string{".putty"}, nil, ".putty/sessions"},
		{"the new one", []string{".config/putty"}, nil, ".config/putty/sessions"},
		{"both", []string{".putty", ".config/putty"}, nil, ".config/putty/sessions"},
		{"XDG_CONFIG_HOME", []string{".putty", ".config/putty", "xdg/putty"}, []string{"XDG_CONFIG_HOME=/HOME/xdg"}, "xdg/putty/sessions"},
		{"XDG_CONFIG_HOME without PuTTY", []string{".putty", ".config/putty"}, []string{"XDG_CONFIG_HOME=/HOME/xdg"}, ".putty/sessions"},
		{"an empty XDG_CONFIG_HOME", []string{".putty", ".config/putty"}, []string{"XDG_CONFIG_HOME="}, ".config/putty/sessions"},
		{"PUTTYDIR", []string{".putty"}, []string{"PUTTYDIR=/HOME/p/q"}, "p/q/sessions"},
		{"PUTTYSESSIONS", []string{".putty"}, []string{"PUTTYDIR=/HOME/p", "PUTTYSESSIONS=/HOME/s"}, "s"},
	} {
		t.Run(c.title, func(t *testing.T) {
			home := t.TempDir()
			for _, name := range []string{"XDG_CONFIG_HOME", "PUTTYDIR", "PUTTYSESSIONS"} {
				t.Setenv(name, "") // so that it is restored
				os.Unsetenv(name)
			}
			t.Setenv("HOME", home)
			for _, v := range c.env {
				name, value, _ := strings.Cut(v, "=")
				os.Setenv(name, strings.ReplaceAll(value, "/HOME", home))
			}
			for _, dir := range c.folders {
				if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			store, err := NewStore()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := store.Where("x.clever"), filepath.Join(home, c.want, "x.clever"); got != want {
				t.Fatalf("sessions are in %s, want %s", got, want)
			}
			if err := store.Write("x.clever", Settings{"Protocol": "ssh", "HostName": "192.0.2.1", "ProxyMethod": 5, "ProxyTelnetCommand": "echo >&2 from the session", "ProxyLogToTerm": 0}); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(plink, "-batch", "x.clever").CombinedOutput()
			if !strings.Contains(string(out), "from the session") {
				t.Errorf("plink does not find it:\n%s", out)
			}
			names, err := store.List()
			if err != nil || len(names) != 1 || names[0] != "x.clever" {
				t.Errorf("the sessions are %q, %v", names, err)
			}
		})
	}
	t.Run("a folder that is not absolute", func(t *testing.T) {
		t.Setenv("PUTTYDIR", "putty")
		if store, err := NewStore(); err == nil {
			t.Errorf("%v", store)
		}
	})
}

// A session that cannot be read is somebody else's: it stays, it is reported if it has a name of ours, and it stops
// nobody.
func TestUnreadable(t *testing.T) {
	for title, make := range map[string]func(path string) error{
		"a pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a folder":        func(path string) error { return os.Mkdir(path, 0o700) },
		"a link to it":    func(path string) error { return os.Symlink(path, path) },
		"a link to zeros": func(path string) error { return os.Symlink("/dev/zero", path) },
		"what is huge":    func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
		"a secret":        func(path string) error { return os.WriteFile(path, []byte("HostName=a\n"), 0) },
	} {
		t.Run(title, func(t *testing.T) {
			store, _ := newFolder(t)
			carryOut(t, store, []Session{{"old.clever", Settings{"HostName": "a"}}})
			for _, name := range []string{"mine", "web.clever"} {
				if err := make(store.Where(name)); err != nil {
					t.Skip(err) // a file system without files of that size
				}
			}
			c := carryOut(t, store, []Session{{"db.clever", Settings{"HostName": "a"}}, {"web.clever", Settings{"HostName": "a"}}})
			// Root can read everything, and then sees that it is not ours.
			if !slices.Equal(c.Wanted, []string{"db.clever"}) || !slices.Equal(c.Foreign, []string{"web.clever"}) {
				t.Errorf("%+v", c)
			}
			carryOut(t, store, nil)
			left, err := os.ReadDir(store.sessions)
			if err != nil || len(left) != 2 || left[0].Name() != "mine" || left[1].Name() != "web.clever" {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}
