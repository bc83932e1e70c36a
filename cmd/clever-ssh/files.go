package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// load reads the configuration and tells where its entries are.
func load() (*config.Config, sshconfig.Layout, error) {
	path, err := config.Path()
	if err != nil {
		return nil, sshconfig.Layout{}, err
	}
	c, err := config.Load(path)
	if pathError := new(fs.PathError); errors.As(err, &pathError) {
		return nil, sshconfig.Layout{}, err
	}
	if err != nil {
		return nil, sshconfig.Layout{}, hint(err, "mend that line, then try again")
	}
	l, err := layout(c)
	return c, l, err
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
