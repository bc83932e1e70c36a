package main

import (
	"os"
	"path/filepath"

	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// withoutEntries lets ssh find the gateway's host key where setup has made no folder for it. Done removes it.
func withoutEntries(s *settings, i *innerSSH) (done func(), err error) {
	if _, err := os.Stat(s.layout.Folder()); err == nil {
		return func() {}, nil
	}
	return i.rememberElsewhere()
}

// rememberElsewhere has proxy write the gateway's host key, and ssh look for it, in a file of its own. Done removes it.
func (i *innerSSH) rememberElsewhere() (done func(), err error) {
	dir, err := os.MkdirTemp("", "clever-ssh-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "known_hosts")
	if err := sshconfig.CheckPath(file); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := atomicfile.Write(file, nil); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	i.args = append([]string{"-o", `UserKnownHostsFile="` + filepath.ToSlash(file) + `"`}, i.args...)
	i.env = append(i.env, knownHostsVariable+"="+file)
	return func() { os.RemoveAll(dir) }, nil
}
