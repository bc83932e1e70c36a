package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// Settings is clever-ssh.toml as it is, and where the entries are that follow from it.
type Settings struct {
	Path   string
	Text   []byte // nil where there is no file
	Config *config.Config
	Layout sshconfig.Layout
}

// Load reads the settings.
func Load() (*Settings, error) {
	path, err := config.Path()
	if err != nil {
		return nil, err
	}
	s := &Settings{Path: path}
	s.Text, s.Config, err = config.Load(path)
	if access := new(atomicfile.AccessError); errors.As(err, &access) {
		return nil, ui.HintTrust(err)
	}
	if pathError := new(fs.PathError); errors.As(err, &pathError) {
		return nil, err
	}
	if err != nil {
		return nil, ui.Hint(err, "mend that line, then try again; values stand in quotes: web = \"app_...\"")
	}
	if s.Text != nil {
		ui.Step("read the settings from %s", path)
	} else {
		ui.Step("there is no %s: the defaults count", path)
	}
	s.Layout, err = LayoutOf(s.Config)
	return s, err
}

// settingsPatience bounds the wait for another setup or remove.
const settingsPatience = 30 * time.Second

// Lock takes the lock under which the settings, and all files that follow from them, are changed. What it had to
// make for that leaves again with the lock.
func Lock() (unlock func(), err error) {
	path, err := config.Path()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		made, err := atomicfile.MakeFolder(filepath.Dir(path))
		if err == nil {
			err = ui.HintTrust(atomicfile.OwnFolder(filepath.Dir(path)))
		}
		if err != nil {
			atomicfile.RemoveFolders(made)
			return nil, err
		}
		release, err := atomicfile.Guard(path, settingsPatience)
		if err == nil {
			ui.Step("nobody else changes the settings now")
			return func() { release(); atomicfile.RemoveFolders(made) }, nil
		}
		atomicfile.RemoveFolders(made)
		if errors.Is(err, atomicfile.ErrHeld) {
			return nil, ui.Hint(err, "another setup or remove is at work: let it end, then run this again")
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 100 { // another has just removed the folder that it had made
			return nil, err
		}
	}
}

// LayoutOf tells where a configuration's entries are. How they call the program is left open.
func LayoutOf(c *config.Config) (sshconfig.Layout, error) {
	home, err := config.Home()
	if err != nil {
		return sshconfig.Layout{}, err
	}
	standard := filepath.Join(home, ".ssh", "config")
	l := sshconfig.Layout{UserFile: standard, Standard: true}
	if c.SSHConfig != "" && filepath.Clean(c.SSHConfig) != standard {
		l = sshconfig.Layout{UserFile: filepath.Clean(c.SSHConfig)}
		return l, sshconfig.CheckPath(l.UserFile)
	}
	return l, nil
}
