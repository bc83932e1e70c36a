package setup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"golang.org/x/crypto/ssh"
)

// Plan is an edit of the settings and everything that follows from it, before anything is written.
type Plan struct {
	config *config.Config // as it will be
	gone   []string       // suffixes of gateways that the edit removes
	layout sshconfig.Layout
	ssh    openssh.SSH

	derived  []atomicfile.Change // the files in the derived folder
	account  atomicfile.Change   // the names from the account
	settings atomicfile.Change   // clever-ssh.toml
	userFile atomicfile.Change   // the user's own ssh_config
	sessions *putty.Changes      // PuTTY's saved sessions

	probe   openssh.Probe   // the question to ssh after the files are written
	answer  openssh.Outcome // set by carryOut: ssh's answer about the entries
	options string          // likewise: the output of ssh -G for the probe
}

// NewPlan works out what an edit of the settings changes. It adds the Include line to the user's own file only
// if include is set. A caller that carries the plan out must have held the lock since it read the settings.
func NewPlan(s *settings.Settings, edit config.Edit, include bool) (*Plan, error) {
	return newPlan(s, edit, s.Config.AccountNames, include)
}

// newPlan is NewPlan with other names from the account.
func newPlan(s *settings.Settings, edit config.Edit, names []config.AccountName, include bool) (*Plan, error) {
	p := &Plan{ssh: openssh.Find()}
	if err := p.applyEdit(s, edit, names); err != nil {
		return nil, err
	}
	if err := p.chooseLayout(s); err != nil {
		return nil, err
	}
	w, err := readWritten(p.layout)
	if err != nil {
		return nil, err
	}
	if err := p.planUserFile(w.config, include); err != nil {
		return nil, err
	}
	bridge, err := p.planDerived(w)
	if err != nil {
		return nil, err
	}
	if err := p.planSessions(s, bridge); err != nil {
		return nil, err
	}
	program, err := sshconfig.FindProgram()
	if err != nil {
		return nil, err
	}
	if err := CheckPlace(program, p.callers()...); err != nil {
		return nil, err
	}
	first := p.config.Gateways[0]
	p.probe = openssh.Probe{Alias: first.Suffix, HostKeyAlias: first.HostKeyAlias()}
	return p, nil
}

// applyEdit works out the new settings with the names from the account, and which gateways the edit removes.
func (p *Plan) applyEdit(s *settings.Settings, edit config.Edit, names []config.AccountName) error {
	if err := takenFromAccount(s.Config, edit); err != nil {
		return ui.HintEdit(err, edit.Suffix)
	}
	if edit.SSHConfig == s.Layout.UserFile {
		edit.SSHConfig = ""
	}
	text, after, err := config.Apply(s.Path, s.Text, edit)
	if err != nil {
		return ui.HintEdit(err, edit.Suffix)
	}
	if s.Text == nil && text != nil {
		text = append([]byte(config.Marker+"\n\n"), text...)
	}
	after.SetAccount(names)
	p.config = after
	p.account = atomicfile.Change{Path: config.AccountFile(s.Path), New: config.FormatAccount(after.AccountNames)}
	if p.account.Old, err = atomicfile.Read(p.account.Path); err != nil {
		return err
	}
	p.settings = atomicfile.Change{Path: s.Path, Old: s.Text, New: text}
	for _, g := range s.Config.Gateways {
		if after.Gateway(g.Suffix) == nil {
			p.gone = append(p.gone, g.Suffix)
		}
	}
	return nil
}

// takenFromAccount returns an error if an edit would give another target to a name from the account.
func takenFromAccount(c *config.Config, edit config.Edit) error {
	var taken config.NamesTakenError
	g := c.Gateway(cmp.Or(edit.Suffix, config.DefaultSuffix))
	for _, n := range slices.Sorted(maps.Keys(edit.Names)) {
		if old, ok := c.FromAccount(g, n); ok && old.Target != edit.Names[n] && !edit.Replace {
			taken = append(taken, config.NameTaken{Name: n, Old: old.Target, New: edit.Names[n]})
		}
	}
	if taken == nil {
		return nil
	}
	return taken
}

// chooseLayout decides where the entries go and how they call this program. Existing entries do not move.
func (p *Plan) chooseLayout(s *settings.Settings) (err error) {
	if p.layout, err = settings.LayoutOf(p.config); err != nil {
		return err
	}
	before := s.Layout
	if _, err := os.Stat(before.ConfigFile()); p.layout.UserFile != before.UserFile && err == nil {
		return ui.Hint(fmt.Errorf("the entries have already been written for %s", before.UserFile), "to move them: clever-ssh remove --all, then run this again; the first removes the names too, so keep a copy of "+s.Path)
	}
	if p.layout.Program, err = sshconfig.ThisProgram(); err != nil {
		return err
	}
	p.layout.RSA = p.ssh.KnowsRSA()
	return nil
}

// written holds the content of the derived files now, nil for those that do not exist.
type written struct{ config, match, oldMatch []byte }

// readWritten reads the derived files. It returns an error if one of them belongs to somebody else.
func readWritten(l sshconfig.Layout) (w written, err error) {
	if w.config, err = settings.ReadDerived(l.ConfigFile()); err != nil {
		return w, err
	}
	if w.match, err = settings.ReadDerived(l.MatchFile()); err != nil {
		return w, err
	}
	if w.oldMatch, err = readOldMatch(l); err != nil {
		return w, err
	}
	// Once there are entries, a broken direct.conf is ours, and CleanDirect cleans it.
	if _, err := settings.ReadDerived(l.DirectFile()); err != nil && w.config == nil {
		return w, err
	}
	return w, nil
}

// readOldMatch reads the match file of an earlier version; nil if there is none. Nothing replaces that file, so
// it may stay if it belongs to somebody else.
func readOldMatch(l sshconfig.Layout) ([]byte, error) {
	text, err := atomicfile.Read(l.OldMatchFile())
	switch {
	case errors.Is(err, atomicfile.ErrNotRegular), errors.Is(err, fs.ErrPermission):
		return nil, nil // not ours
	case err == nil && !sshconfig.Derived(text):
		return nil, nil
	}
	return text, err
}

// planUserFile adds the Include line to the user's own file, if include is set, and notes in the layout what it
// added.
func (p *Plan) planUserFile(writtenConfig []byte, include bool) error {
	l := &p.layout
	text, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return err
	}
	l.Added = sshconfig.ParseAdded(writtenConfig)
	p.userFile = atomicfile.Change{Path: l.UserFile, Old: text, New: text}
	if !include {
		return nil
	}
	before := l.Added
	if p.userFile.New, l.Added, err = sshconfig.EditUserFile(text, *l, true); err != nil {
		return fmt.Errorf("%s was not changed: %w", l.UserFile, err)
	}
	if _, err := os.Stat(filepath.Dir(l.UserFile)); before == nil && l.Added != nil && errors.Is(err, fs.ErrNotExist) {
		l.Added.Folder = true
	}
	return nil
}

// planDerived works out the derived files. It returns the bridge's host key, because PuTTY's sessions refer to
// it.
func (p *Plan) planDerived(w written) (bridge ssh.PublicKey, err error) {
	l := p.layout
	oldKey, key, err := readBridgeKey(l)
	if err != nil {
		return nil, err
	}
	knownHosts, err := atomicfile.Read(l.BridgeKnownHosts())
	if err != nil {
		return nil, err
	}
	pinned, err := sshconfig.BridgeKnownHosts(key.text)
	if err != nil {
		return nil, err
	}
	p.derived = []atomicfile.Change{
		{Path: l.BridgeKey(), Old: oldKey, New: key.text},
		{Path: l.BridgeKnownHosts(), Old: knownHosts, New: pinned},
		{Path: l.MatchFile(), Old: w.match, New: sshconfig.Match(p.config, l)},
		{Path: l.ConfigFile(), Old: w.config, New: sshconfig.Config(p.config, l)},
	}
	if w.oldMatch != nil {
		p.derived = append(p.derived, atomicfile.Change{Path: l.OldMatchFile(), Old: w.oldMatch})
	}
	return key.PublicKey(), nil
}

// planSessions works out PuTTY's saved sessions.
func (p *Plan) planSessions(s *settings.Settings, bridge ssh.PublicKey) error {
	wanted, err := wantedSessions(p.config, p.layout.Program, bridge)
	if err == nil {
		p.sessions, err = puttyChanges(s, p.config, wanted)
	}
	if err != nil {
		return ui.HintPuTTY(fmt.Errorf("PuTTY's saved sessions cannot be read: %w", err))
	}
	return nil
}

// callers returns the files that call the program.
func (p *Plan) callers() []string {
	list := []string{p.layout.UserFile}
	if p.sessions.Store != nil && len(p.sessions.Wanted) > 0 {
		list = append(list, p.sessions.Store.Where(p.sessions.Wanted[0]))
	}
	return list
}

// files returns the changes of all files, in writing order. The user's own file is last: by the time ssh reads
// the Include line, the entries exist, and so does the comment that says who added the line.
func (p *Plan) files() []atomicfile.Change {
	changes := slices.Clone(p.derived)
	if p.account.Old != nil || p.account.New != nil {
		changes = append(changes, p.account)
	}
	return append(changes, p.settings, p.userFile)
}

// Stale lists the derived files that differ from what the settings require.
func (p *Plan) Stale() []string {
	var list []string
	for _, c := range p.derived {
		if !bytes.Equal(c.Old, c.New) {
			list = append(list, c.Path)
		}
	}
	return list
}

// Sessions returns the changes of PuTTY's saved sessions, nil if PuTTY is not used or not wanted.
func (p *Plan) Sessions() *putty.Changes {
	if p.config.PuTTY == config.PuTTYNo || p.sessions.Store == nil {
		return nil
	}
	return p.sessions
}
