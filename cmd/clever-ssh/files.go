package main

import (
	"errors"
	"io/fs"
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
	if access := new(atomicfile.AccessError); errors.As(err, &access) {
		return nil, adviseOnTrust(err)
	}
	if pathError := new(fs.PathError); errors.As(err, &pathError) {
		return nil, err
	}
	if err != nil {
		return nil, hint(err, "mend that line, then try again; values stand in quotes: web = \"app_...\"")
	}
	if s.text != nil {
		step("read the settings from %s", path)
	} else {
		step("there is no %s: the defaults count", path)
	}
	s.layout, err = layout(s.config)
	return s, err
}

// settingsPatience bounds the wait for another setup or remove.
const settingsPatience = 30 * time.Second

// lockSettings takes the lock under which the settings, and all files that follow from them, are changed. What it had to
// make for that leaves again with the lock.
func lockSettings() (unlock func(), err error) {
	path, err := config.Path()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		made, err := atomicfile.MakeFolder(filepath.Dir(path))
		if err == nil {
			err = adviseOnTrust(atomicfile.OwnFolder(filepath.Dir(path)))
		}
		if err != nil {
			atomicfile.RemoveFolders(made)
			return nil, err
		}
		release, err := atomicfile.Guard(path, settingsPatience)
		if err == nil {
			step("nobody else changes the settings now")
			return func() { release(); atomicfile.RemoveFolders(made) }, nil
		}
		atomicfile.RemoveFolders(made)
		if errors.Is(err, atomicfile.ErrHeld) {
			return nil, hint(err, "another setup or remove is at work: let it end, then run this again")
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 100 { // another has just removed the folder that it had made
			return nil, err
		}
	}
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
