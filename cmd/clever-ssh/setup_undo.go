package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/proxycmd"
)

// removeAll takes out everything that setup wrote, the line in the user's own file first: from then on ssh reads
// nothing of ours. The comment that tells whose that line is goes last.
func removeAll() error {
	unlock, err := lockSettings()
	if err != nil {
		return err
	}
	s, err := load()
	if err == nil {
		err = undo(s)
	}
	unlock()
	if err == nil {
		os.Remove(filepath.Dir(s.path)) // if nothing else is in it
	}
	return err
}

func undo(s *settings) error {
	l := s.layout
	written, err := readDerived(l.ConfigFile())
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
		return hint(fmt.Errorf("%w; your files are as they were", err), "mend that, then run this again")
	}
	stepsOf(taken)
	sessions, err := puttyChanges(s, s.config, nil)
	if err == nil {
		err = sessions.CarryOut(func() error { return nil })
	}
	if err != nil {
		return hint(err, "mend that, then run this again")
	}
	stepsOfSessions(sessions)
	endShared(l)
	if written != nil { // it goes last: without it, nothing else in that folder is ours
		if err := forgetHosts(s); err != nil {
			return hint(err, "mend that, then run this again")
		}
		for _, file := range []string{l.DirectFile(), l.DirectFile() + ".lock", l.KnownHosts() + ".lock", l.BridgeKey(), l.BridgeKnownHosts(), l.MatchFile(), l.ConfigFile()} {
			if err := atomicfile.Remove(file); err != nil {
				return hint(err, "mend that, then run this again")
			}
			step("%s is gone", file)
		}
		atomicfile.RemoveFolders([]string{l.Folder()})
	}
	// The settings tell where all that is, so they outlast it.
	ours := bytes.HasPrefix(s.text, []byte(config.Marker))
	if ours {
		taken := atomicfile.Change{Path: s.path, Old: s.text}
		if err := atomicfile.Replace([]atomicfile.Change{taken}, nil); err != nil {
			return hint(err, "mend that, then run this again")
		}
		stepsOf(taken)
	}
	if l.Added != nil && l.Added.Folder {
		atomicfile.RemoveFolders([]string{filepath.Dir(l.UserFile)})
	}
	if l.Includes(edited) {
		note(os.Stderr, "%s still includes the entries, which are gone: that line is yours to take out", l.UserFile)
	}
	tellOfSessions(sessions)
	if s.text != nil && !ours {
		note(os.Stderr, "%s is yours and stays", s.path)
	}
	return nil
}

// forgetHosts takes the gateways' host keys out of the derived known_hosts, and the file itself if nobody else's are in it
// and it is no link of the user's.
func forgetHosts(s *settings) error {
	path := s.layout.KnownHosts()
	text, err := atomicfile.Read(path)
	if err != nil || text == nil {
		return err
	}
	rest := text
	for _, g := range s.config.Gateways {
		rest = proxycmd.PinnedHosts(rest, &config.Gateway{Suffix: g.Suffix})
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && len(bytes.TrimSpace(rest)) == 0 {
		return atomicfile.Remove(path)
	}
	return atomicfile.Write(path, rest)
}
