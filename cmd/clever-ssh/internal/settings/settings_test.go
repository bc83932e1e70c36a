package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

const app = "app_facade42-cafe-babe-cafe-deadf00dbaad"

// newFolder is a folder for the settings of a test, and the path that they have there.
func newFolder(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("APPDATA", dir)
	path, err := config.Path()
	if err != nil || !strings.HasPrefix(path, dir) {
		t.Fatalf("%s, %v", path, err)
	}
	return dir, path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestLoad(t *testing.T) {
	_, path := newFolder(t)
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if s.Path != path || s.Text != nil || len(s.Config.Gateways) != 1 || !s.Layout.Standard {
		t.Errorf("without a file: %+v", s)
	}
	own := filepath.Join(filepath.Dir(path), "own")
	text := "ssh-config = '" + own + "'\n\n[names]\nweb = \"" + app + "\"\n"
	write(t, path, text)
	if s, err = Load(); err != nil {
		t.Fatal(err)
	}
	if string(s.Text) != text || s.Config.Gateways[0].Names["web"] != app || s.Layout.UserFile != own || s.Layout.Standard {
		t.Errorf("with a file: %+v", s)
	}
	err = s.NoGateway("staging")
	if err.Error() != `no gateway has the suffix "staging"` || strings.Join(ui.Hints(err), "\n") != "the known ones are: clever" {
		t.Errorf("%v %q", err, ui.Hints(err))
	}
	write(t, path, "[names]\nweb = nonsense\n")
	if _, err = Load(); err == nil || !strings.Contains(err.Error(), path) || len(ui.Hints(err)) != 1 {
		t.Errorf("%v %q", err, ui.Hints(err))
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

// Only one process at a time holds the lock, and nothing is left of it, not even a folder, unless somebody else
// came meanwhile.
func TestLock(t *testing.T) {
	dir, path := newFolder(t)
	unlock, err := Lock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	counted := filepath.Join(t.TempDir(), "counted")
	write(t, counted, "")
	var holders atomic.Int32
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 3 {
				unlock, err := Lock()
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n > 1 {
					t.Errorf("%d hold the lock", n)
				}
				write(t, counted, read(t, counted)+"x")
				holders.Add(-1)
				unlock()
			}
		})
	}
	all.Wait()
	if text := read(t, counted); text != strings.Repeat("x", 18) {
		t.Errorf("of 18 writes under the lock, %d are left", len(text))
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}

	// A folder that has something in it by then stays.
	unlock, err = Lock()
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "")
	unlock()
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestLayoutOf(t *testing.T) {
	home, err := config.Home()
	if err != nil {
		t.Fatal(err)
	}
	standard := filepath.Join(home, ".ssh", "config")
	elsewhere := filepath.Join(t.TempDir(), "config")
	for _, c := range []struct {
		wanted string
		layout sshconfig.Layout
	}{
		{"", sshconfig.Layout{UserFile: standard, Standard: true}},
		{standard, sshconfig.Layout{UserFile: standard, Standard: true}},
		{filepath.Dir(standard) + "/../.ssh/config", sshconfig.Layout{UserFile: standard, Standard: true}},
		{elsewhere, sshconfig.Layout{UserFile: elsewhere}},
	} {
		if got, err := LayoutOf(&config.Config{SSHConfig: c.wanted}); err != nil || got != c.layout {
			t.Errorf("%q: got %+v, %v", c.wanted, got, err)
		}
	}
	if _, err := LayoutOf(&config.Config{SSHConfig: elsewhere + "\n"}); err == nil {
		t.Error("a path with a line feed is accepted")
	}
}

// A file that clever-ssh did not write is refused.
func TestReadDerived(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if text, err := ReadDerived(path); text != nil || err != nil {
		t.Errorf("without a file: %q, %v", text, err)
	}
	ours := string(sshconfig.Config(config.Default(), sshconfig.Layout{UserFile: path}))
	for text, refused := range map[string]bool{"": false, ours: false, "Host mine\n": true, "\n" + ours: true} {
		write(t, path, text)
		got, err := ReadDerived(path)
		if string(got) != text || (err != nil) != refused {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
		if refused && strings.Join(ui.Hints(err), "\n") != "move it away, then run this again" {
			t.Errorf("the hints are %q", ui.Hints(err))
		}
	}
}

func TestBridgeKey(t *testing.T) {
	l := sshconfig.Layout{UserFile: filepath.Join(t.TempDir(), "config")}
	key, err := sshconfig.NewBridgeKey()
	if err != nil {
		t.Fatal(err)
	}
	expect := func(says string) {
		t.Helper()
		_, err := BridgeKey(l)
		if err == nil || !strings.HasPrefix(err.Error(), "the bridge has no host key: "+l.BridgeKey()+says) || strings.Join(ui.Hints(err), "\n") != "run: clever-ssh setup" {
			t.Errorf("%v %q", err, ui.Hints(err))
		}
	}
	expect(" is missing")
	write(t, l.BridgeKey(), "no key\n")
	expect(": ")
	write(t, l.BridgeKey(), string(key))
	if signer, err := BridgeKey(l); err != nil || signer.PublicKey().Type() != "ssh-ed25519" {
		t.Error(err)
	}
}
