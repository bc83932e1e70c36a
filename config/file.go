package config

import (
	"errors"
	"io/fs"
	"path/filepath"

	"clever-ssh/internal/atomicfile"
)

// maxFile bounds how many bytes of a configuration are read: room for some 100,000 names.
const maxFile = 16 << 20

// Parse reads the text of a clever-ssh.toml. Unknown keys and invalid values are errors that name the file, the line
// and what is allowed.
func Parse(name string, text []byte) (*Config, error) {
	d, err := scan(name, text)
	if err != nil {
		return nil, err
	}
	return d.config()
}

// Load reads the configuration at path and also returns its text. If the file is absent, it returns the default
// configuration and a nil text. The file decides which gateway is trusted, so it must belong to the account or to
// root, and nobody else may be able to change it.
//
// The error is an [*atomicfile.AccessError] if somebody else can change a file, and an [*fs.PathError] if one cannot be
// read. Any other is about what the file says; its text is then returned as well.
func Load(path string) (text []byte, c *Config, err error) {
	text, err = atomicfile.ReadOwn(path, maxFile)
	if errors.Is(err, atomicfile.ErrTooLarge) {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("the file is too large to be a configuration")}
	}
	if err != nil {
		return nil, nil, err
	}
	if text == nil {
		return nil, Default(), nil
	}
	if c, err = Parse(path, text); err != nil || c.Account != AccountYes {
		return text, c, err
	}
	list, err := readAccount(AccountFile(path))
	if err != nil {
		return nil, nil, err
	}
	c.SetAccount(list)
	return text, c, nil
}

// Path returns where the configuration is kept: clever-cloud/clever-ssh.toml in the user's configuration folder,
// which clever-tools uses too.
func Path() (string, error) {
	dir, err := userConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "clever-cloud", "clever-ssh.toml"), nil
}
