package login

import (
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// WithoutEntries lets ssh find the gateway's host key even if setup has made no folder for it. done removes
// what it made.
func WithoutEntries(s *settings.Settings, i *Inner) (done func(), err error) {
	if _, err := os.Stat(s.Layout.Folder()); err == nil {
		return func() {}, nil
	}
	return i.rememberElsewhere()
}

// rememberElsewhere makes proxy write the gateway's host key to a file for this ssh alone, where ssh looks for
// it. done removes the file.
func (i *Inner) rememberElsewhere() (done func(), err error) {
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
	i.env = append(i.env, openssh.KnownHostsVariable+"="+file)
	return func() { os.RemoveAll(dir) }, nil
}
