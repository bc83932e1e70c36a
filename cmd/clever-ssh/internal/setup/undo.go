package setup

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/proxycmd"
)

// Undo removes everything that setup wrote. The Include line goes first: from then on ssh reads nothing of ours. The comment that
// says who added that line goes last.
func Undo() error {
	unlock, err := settings.Lock()
	if err != nil {
		return err
	}
	s, err := settings.Load()
	if err == nil {
		err = undo(s)
	}
	unlock()
	if err == nil {
		atomicfile.RemoveFolders([]string{filepath.Dir(s.Path)}) // if nothing else is in it
	}
	return err
}

func undo(s *settings.Settings) error {
	r, err := newRemoval(s)
	if err != nil {
		return err
	}
	if err := r.carryOut(); err != nil {
		return ui.Hint(err, fixAndRepeat)
	}
	l := s.Layout
	if l.Includes(r.userFile.New) {
		ui.Note(os.Stderr, "%s still includes the entries, which are gone: remove the Include line yourself", l.UserFile)
	}
	noteSessionsLeft(r.sessions)
	if s.Text != nil && !r.ourSettings() {
		ui.Note(os.Stderr, "%s is yours, so it stays", s.Path)
	}
	return nil
}

// removal removes what setup wrote. It can run again after a failure, because it removes last what tells it
// what to remove.
type removal struct {
	settings *settings.Settings
	added    *sshconfig.Added  // what setup added to the user's own file
	entries  bool              // whether there are entries
	userFile atomicfile.Change // the user's own ssh_config
	sessions *putty.Changes    // set by removeSessions
}

// newRemoval finds out what there is to remove.
func newRemoval(s *settings.Settings) (*removal, error) {
	written, err := settings.ReadDerived(s.Layout.ConfigFile())
	if err != nil {
		return nil, err
	}
	r := &removal{settings: s, entries: written != nil, added: sshconfig.ParseAdded(written)}
	l := s.Layout
	l.Added = r.added
	text, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return nil, err
	}
	edited, _, err := sshconfig.EditUserFile(text, l, false)
	r.userFile = atomicfile.Change{Path: l.UserFile, Old: text, New: edited}
	return r, err
}

// carryOut removes everything. The settings go last: they say where the rest is.
func (r *removal) carryOut() error {
	if err := atomicfile.Replace([]atomicfile.Change{r.userFile}, nil); err != nil {
		return fmt.Errorf("%w; your files are as they were", err)
	}
	ui.StepsOfFiles(r.userFile)
	if err := r.removeSessions(); err != nil {
		return err
	}
	login.EndShared(r.settings.Layout)
	if err := r.removeDerived(); err != nil {
		return err
	}
	if err := r.removeSettings(); err != nil {
		return err
	}
	if r.added != nil && r.added.Folder {
		atomicfile.RemoveFolders([]string{filepath.Dir(r.settings.Layout.UserFile)})
	}
	return nil
}

// removeSessions removes PuTTY's saved sessions, except those that the user has changed.
func (r *removal) removeSessions() (err error) {
	if r.sessions, err = puttyChanges(r.settings, r.settings.Config, nil); err != nil {
		return err
	}
	if err := r.sessions.CarryOut(func() error { return nil }); err != nil {
		return err
	}
	ui.StepsOfSessions(r.sessions)
	return nil
}

// removeDerived removes the derived files. The config goes last: without it, nothing else in that folder counts
// as ours.
func (r *removal) removeDerived() error {
	if !r.entries {
		return nil
	}
	l := r.settings.Layout
	if err := proxycmd.ForgetHosts(l.KnownHosts(), r.settings.Config.Gateways); err != nil {
		return err
	}
	if err := sshconfig.RemoveDirect(l.DirectFile()); err != nil {
		return err
	}
	ui.Step("removed %s", l.DirectFile())
	files := []string{l.BridgeKey(), l.BridgeKnownHosts(), l.MatchFile(), l.ConfigFile()}
	if old, err := readOldMatch(l); err != nil {
		return err
	} else if old != nil {
		files = slices.Insert(files, 0, l.OldMatchFile())
	}
	for _, file := range files {
		if err := atomicfile.Remove(file); err != nil {
			return err
		}
		ui.Step("removed %s", file)
	}
	atomicfile.RemoveFolders([]string{l.Folder()})
	return nil
}

// removeSettings removes the names from the account, and clever-ssh.toml if setup created it.
func (r *removal) removeSettings() error {
	account := config.AccountFile(r.settings.Path)
	if _, err := os.Lstat(account); err == nil {
		if err := atomicfile.Remove(account); err != nil {
			return err
		}
		ui.Step("removed %s", account)
	}
	if !r.ourSettings() {
		return nil
	}
	change := atomicfile.Change{Path: r.settings.Path, Old: r.settings.Text}
	if err := atomicfile.Replace([]atomicfile.Change{change}, nil); err != nil {
		return err
	}
	ui.StepsOfFiles(change)
	return nil
}

// ourSettings reports whether setup created clever-ssh.toml.
func (r *removal) ourSettings() bool { return bytes.HasPrefix(r.settings.Text, []byte(config.Marker)) }
