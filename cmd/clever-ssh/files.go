package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// settings is clever-ssh.toml as it is, and where the entries are that follow from it.
type settings struct {
	path   string
	text   []byte // nil where there is no file
	config *config.Config
	layout sshconfig.Layout
}

// load reads the settings.
func load() (*settings, error) {
	path, err := config.Path()
	if err != nil {
		return nil, err
	}
	s := &settings{path: path}
	s.text, s.config, err = config.Load(path)
	if pathError := new(fs.PathError); errors.As(err, &pathError) {
		return nil, err
	}
	if err != nil {
		return nil, hint(err, "mend that line, then try again")
	}
	s.layout, err = layout(s.config)
	return s, err
}

// settingsPatience bounds the wait for another setup or remove.
const settingsPatience = 30 * time.Second

// lockSettings takes the lock under which the settings are changed. Where their folder is not, and create is not set,
// there is nothing to guard.
func lockSettings(create bool) (path string, unlock func(), err error) {
	path, err = config.Path()
	if err != nil {
		return "", nil, err
	}
	if create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", nil, err
		}
	} else if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return path, func() {}, nil
	}
	unlock, err = atomicfile.Lock(path, settingsPatience)
	return path, unlock, err
}

// layout tells where a configuration's entries are. How they call the program is left open.
func layout(c *config.Config) (sshconfig.Layout, error) {
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
