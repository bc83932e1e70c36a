package users

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Placement is a way to keep an ssh_config.
type Placement struct {
	Title string

	// Place sets it up, in a home that has a .ssh folder.
	Place func(home, text string) error
}

// Placements are all those that setup must cope with.
var Placements = []Placement{
	{"mode 0600", Plain(0o600)},
	{"mode 0644", Plain(0o644)},
	{"mode 0640, of another group", func(home, text string) error {
		err := Plain(0o640)(home, text)
		if os.Getuid() == 0 {
			err = errors.Join(err, os.Chown(filepath.Join(home, ".ssh/config"), -1, 1))
		}
		return err
	}},
	{"a relative link", func(home, text string) error {
		return errors.Join(Put(home, "dotfiles/ssh_config", 0o644, text), os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config")))
	}},
	{"a chain of links through other folders", Chain},
	{"the folder is a link", func(home, text string) error {
		return errors.Join(
			os.Mkdir(filepath.Join(home, "store"), 0o755),
			os.Rename(filepath.Join(home, ".ssh"), filepath.Join(home, "store/ssh")),
			os.Symlink("store/ssh", filepath.Join(home, ".ssh")),
			Put(home, ".ssh/config", 0o600, text))
	}},
}

// NoFile and NoFolder are two ways of not having an ssh_config.
var (
	NoFile   = Placement{"no file", func(home, _ string) error { return nil }}
	NoFolder = Placement{"no folder", func(home, _ string) error { return os.RemoveAll(filepath.Join(home, ".ssh")) }}
)

// Absences are all of these ways. The text does not matter.
var Absences = []Placement{
	NoFile, NoFolder,
	{"a dangling link", func(home, _ string) error {
		return errors.Join(Put(home, "dotfiles/other", 0o600, ""), os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config")))
	}},
	{"a dangling chain of links", func(home, _ string) error {
		return errors.Join(Chain(home, ""), os.Remove(filepath.Join(home, "store/deep/config")))
	}},
}

// Plain places a file with a mode.
func Plain(mode fs.FileMode) func(home, text string) error {
	return func(home, text string) error { return Put(home, ".ssh/config", mode, text) }
}

// Chain places a file behind three links, one of them absolute, through a folder that is itself a link.
func Chain(home, text string) error {
	return errors.Join(
		Put(home, "store/deep/config", 0o600, text),
		Put(home, "links/other", 0o600, "not ours\n"),
		os.Symlink("../store", filepath.Join(home, "links/folder")),
		os.Symlink(filepath.Join(home, "store/deep/config"), filepath.Join(home, "store/second")),
		os.Symlink("folder/second", filepath.Join(home, "links/first")),
		os.Symlink("../links/first", filepath.Join(home, ".ssh/config")))
}

// Put writes a file in a home, with the folders above it.
func Put(home, name string, mode fs.FileMode, text string) error {
	path := filepath.Join(home, name)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode))
}
