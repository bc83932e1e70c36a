//go:build unix

package putty

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PuTTY itself finds the sessions where NewStore says that they are.
func TestNewStore(t *testing.T) {
	plink, err := exec.LookPath("plink")
	if err != nil {
		t.Fatal("plink is missing: install putty-tools")
	}
	for _, c := range []struct {
		title   string
		folders []string // that are there
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
				t.Setenv(name, "") // to be put back
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
