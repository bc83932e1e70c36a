package setup

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/proxycmd"
)

// Undo takes out everything that setup wrote, the line in the user's own file first: from then on ssh reads
// nothing of ours. The comment that tells whose that line is goes last.
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
		os.Remove(filepath.Dir(s.Path)) // if nothing else is in it
	}
	return err
}

func undo(s *settings.Settings) error {
	l := s.Layout
	written, err := settings.ReadDerived(l.ConfigFile())
	if err != nil {
		return err
	}
	l.Added = sshconfig.ParseAdded(written)
	user, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return err
	}
	edited, _, err := sshconfig.EditUserFile(user, l, false)
	if err != nil {
		return err
	}
	taken := atomicfile.Change{Path: l.UserFile, Old: user, New: edited}
	if err := atomicfile.Replace([]atomicfile.Change{taken}, nil); err != nil {
		return ui.Hint(fmt.Errorf("%w; your files are as they were", err), "mend that, then run this again")
	}
	ui.StepsOfFiles(taken)
	sessions, err := puttyChanges(s, s.Config, nil)
	if err == nil {
		err = sessions.CarryOut(func() error { return nil })
	}
	if err != nil {
		return ui.Hint(err, "mend that, then run this again")
	}
	ui.StepsOfSessions(sessions)
	login.EndShared(l)
	if written != nil { // it goes last: without it, nothing else in that folder is ours
		if err := forgetHosts(s); err != nil {
			return ui.Hint(err, "mend that, then run this again")
		}
		for _, file := range []string{l.DirectFile(), l.DirectFile() + ".lock", l.KnownHosts() + ".lock", l.BridgeKey(), l.BridgeKnownHosts(), l.MatchFile(), l.ConfigFile()} {
			if err := atomicfile.Remove(file); err != nil {
				return ui.Hint(err, "mend that, then run this again")
			}
			ui.Step("%s is gone", file)
		}
		atomicfile.RemoveFolders([]string{l.Folder()})
	}
	// The settings tell where all that is, so they outlast it.
	ours := bytes.HasPrefix(s.Text, []byte(config.Marker))
	if ours {
		taken := atomicfile.Change{Path: s.Path, Old: s.Text}
		if err := atomicfile.Replace([]atomicfile.Change{taken}, nil); err != nil {
			return ui.Hint(err, "mend that, then run this again")
		}
		ui.StepsOfFiles(taken)
	}
	if l.Added != nil && l.Added.Folder {
		atomicfile.RemoveFolders([]string{filepath.Dir(l.UserFile)})
	}
	if l.Includes(edited) {
		ui.Note(os.Stderr, "%s still includes the entries, which are gone: that line is yours to take out", l.UserFile)
	}
	tellOfSessions(sessions)
	if s.Text != nil && !ours {
		ui.Note(os.Stderr, "%s is yours and stays", s.Path)
	}
	return nil
}

// forgetHosts takes the gateways' host keys out of the derived known_hosts, and the file itself if nobody else's are in it
// and it is no link of the user's.
func forgetHosts(s *settings.Settings) error {
	path := s.Layout.KnownHosts()
	text, err := atomicfile.Read(path)
	if err != nil || text == nil {
		return err
	}
	rest := text
	for _, g := range s.Config.Gateways {
		rest = proxycmd.PinnedHosts(rest, &config.Gateway{Suffix: g.Suffix})
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && len(bytes.TrimSpace(rest)) == 0 {
		return atomicfile.Remove(path)
	}
	return atomicfile.Write(path, rest)
}
