// Package settings reads clever-ssh.toml and knows where the files derived from it are. A command that changes
// any of them holds the lock, so that two setups never write at once.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// Settings is clever-ssh.toml as it is now, and the layout of the entries derived from it.
type Settings struct {
	Path   string // where clever-ssh.toml is, or would be
	Text   []byte // nil if there is no file
	Config *config.Config
	Layout sshconfig.Layout
}

// Load reads clever-ssh.toml, and says so in a step. Without one, the defaults apply.
func Load() (*Settings, error) {
	s, err := Read()
	s.Say()
	return s, err
}

// Say says in a step what Read has read. Without settings, it says nothing.
func (s *Settings) Say() {
	switch {
	case s == nil:
	case s.Text != nil:
		ui.Step("read the settings from %s", s.Path)
	default:
		ui.Step("there is no %s: using the defaults", s.Path)
	}
}

// Read is Load without a word.
func Read() (*Settings, error) {
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
		return nil, ui.Hint(err, "fix that line, then try again; values go in quotes: web = \"app_...\"")
	}
	s.Layout, err = LayoutOf(s.Config)
	return s, err
}

// NoGateway returns the error for a suffix that no gateway has. It lists the existing suffixes.
func (s *Settings) NoGateway(suffix string) error {
	return ui.Hint(fmt.Errorf("no gateway has the suffix %q", suffix), "the known ones are: "+strings.Join(s.Config.Suffixes(), ", "))
}
