package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// Plan is an edit of the configuration with all the files that follow from it, before anything is written.
type Plan struct {
	Config  *config.Config
	gone    []string // the suffixes of gateways that are no longer in it
	layout  sshconfig.Layout
	ssh     openssh.SSH
	Changes []atomicfile.Change
	Putty   *putty.Changes
	probe   openssh.Probe

	answer  openssh.Outcome // set by carryOut: what ssh made of the entries
	options string          // likewise: what ssh -G prints for the probe
}

// NewPlan works out what an edit of the settings changes. The Include line is left alone unless include is set. Whoever carries
// it out has held the lock of the settings since they were read.
func NewPlan(s *settings.Settings, edit config.Edit, include bool) (*Plan, error) {
	from := s.Layout
	if edit.SSHConfig == from.UserFile {
		edit.SSHConfig = ""
	}
	text, after, err := config.Apply(s.Path, s.Text, edit)
	if err != nil {
		return nil, ui.HintEdit(err, edit.Suffix)
	}
	if s.Text == nil && text != nil {
		text = append([]byte(config.Marker+"\n\n"), text...)
	}
	p := &Plan{Config: after, ssh: openssh.Find()}
	for _, g := range s.Config.Gateways {
		if after.Gateway(g.Suffix) == nil {
			p.gone = append(p.gone, g.Suffix)
		}
	}
	if p.layout, err = settings.LayoutOf(after); err != nil {
		return nil, err
	}
	if _, err := os.Stat(from.ConfigFile()); p.layout.UserFile != from.UserFile && err == nil {
		return nil, ui.Hint(fmt.Errorf("the entries are written for %s already", from.UserFile), "to move them: clever-ssh remove --all, then this again; that forgets the names, so keep a copy of "+s.Path)
	}
	if p.layout.Program, err = sshconfig.ThisProgram(); err != nil {
		return nil, err
	}
	p.layout.RSA = p.ssh.KnowsRSA()

	l := &p.layout
	written, err := settings.ReadDerived(l.ConfigFile())
	if err != nil {
		return nil, err
	}
	match, err := settings.ReadDerived(l.MatchFile())
	if err != nil {
		return nil, err
	}
	if _, err := settings.ReadDerived(l.DirectFile()); err != nil && written == nil { // later on, MendDirect sees to it
		return nil, err
	}
	user, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return nil, err
	}
	l.Added = sshconfig.ParseAdded(written)
	edited := user
	if include {
		before := l.Added
		if edited, l.Added, err = sshconfig.EditUserFile(user, *l, true); err != nil {
			return nil, fmt.Errorf("%s is left alone: %w", l.UserFile, err)
		}
		if _, err := os.Stat(filepath.Dir(l.UserFile)); before == nil && l.Added != nil && errors.Is(err, fs.ErrNotExist) {
			l.Added.Folder = true
		}
	}
	key, keyNow, err := readBridgeKey(*l)
	if err != nil {
		return nil, err
	}
	bridgeHosts, err := atomicfile.Read(l.BridgeKnownHosts())
	if err != nil {
		return nil, err
	}
	// The user's own file comes last: when ssh reads the line, what it includes is there, and so is the comment that tells
	// whose line it is.
	p.Changes = []atomicfile.Change{
		{Path: l.BridgeKey(), Old: key, New: keyNow.text},
		{Path: l.BridgeKnownHosts(), Old: bridgeHosts, New: sshconfig.BridgeKnownHosts(keyNow.PublicKey())},
		{Path: l.MatchFile(), Old: match, New: sshconfig.Match(after, *l)},
		{Path: l.ConfigFile(), Old: written, New: sshconfig.Config(after, *l)},
		{Path: s.Path, Old: s.Text, New: text},
		{Path: l.UserFile, Old: user, New: edited},
	}
	sessions, err := wantedSessions(after, p.layout.Program, keyNow.PublicKey())
	if err == nil {
		p.Putty, err = puttyChanges(s, after, sessions)
	}
	if err != nil {
		return nil, ui.HintPuTTY(fmt.Errorf("PuTTY's saved sessions cannot be read: %w", err))
	}
	program, err := sshconfig.FindProgram() // which ThisProgram has found
	if err != nil {
		return nil, err
	}
	if err := CheckPlace(program, p.callers()...); err != nil {
		return nil, err
	}
	p.probe = openssh.Probe{Alias: after.Gateways[0].Suffix, HostKeyAlias: after.Gateways[0].HostKeyAlias()}
	return p, nil
}

// ask has ssh be asked for an alias when the entries are written, instead of for the first menu.
func (p *Plan) ask(g *config.Gateway, label string, target config.Target) {
	p.probe = openssh.Probe{Alias: label + "." + g.Suffix, Target: target, HostKeyAlias: g.HostKeyAlias()}
}
