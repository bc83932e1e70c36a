package login

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"
)

// Prepare prepares the ssh that logs in for an alias. line is the command line of the ssh that needs this,
// whose options apply to the login too. It is the zero CommandLine if there was no such ssh.
func Prepare(s *settings.Settings, a config.Alias, line caller.CommandLine) (*Inner, error) {
	options, decisive := line.HandedOn()
	i := &Inner{Program: cmp.Or(openssh.Find(), openssh.SSH(line.Program)), alias: a.Base, gateway: a.Gateway, args: options, debug: line.HasFlag("v")}
	if i.Program == "" {
		return nil, openssh.ErrNotFound
	}
	l, err := layoutFor(i.Program, s.Layout)
	if err != nil {
		return nil, err
	}
	i.addOptions(protection...)
	i.addOptions("RemoteCommand=" + cmp.Or(string(a.Target), "none"))
	if i.Master = socketPath(i.alias, a, decisive, l.Folder()); i.Master != "" {
		i.addOptions("ControlPath=" + i.Master)
	}
	if folders := lineFolders(l.Folder()); i.Master != "" {
		i.Lines = i.Master
	} else if len(folders) > 0 && sharesNothing {
		i.Lines = filepath.Join(folders[0], socketName(i.alias, a, decisive))
	}
	i.addOptions(sshconfig.Options(a.Gateway, l)...)
	return i, nil
}

// PrepareExamination prepares an ssh that logs in as the user's own does, but changes nothing: the gateway's host key
// goes to a file for this ssh alone, which done removes.
func PrepareExamination(s *settings.Settings, a config.Alias) (i *Inner, done func(), err error) {
	if i, err = Prepare(s, a, caller.CommandLine{}); err != nil {
		return nil, nil, err
	}
	if done, err = i.rememberElsewhere(); err != nil {
		return nil, nil, err
	}
	if !s.Layout.Standard {
		i.args = append([]string{"-F", s.Layout.UserFile}, i.args...)
	}
	return i, done, nil
}

// protection overrides options of the user's own configuration that would harm a session of this kind, as far
// as ssh knows them. Only the first IgnoreUnknown counts, so this one has to cover the options in the user's
// lists as well.
var protection = []string{"IgnoreUnknown=*", "SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "ClearAllForwardings=yes",
	"PermitLocalCommand=no", "VisualHostKey=no", "EscapeChar=none"}

// addOptions adds options to ssh's command line.
func (i *Inner) addOptions(options ...string) {
	for _, o := range options {
		i.args = append(i.args, "-o", o)
	}
}

// layoutFor fills in a layout like the entries for this ssh, whether or not they are written.
func layoutFor(program openssh.SSH, l sshconfig.Layout) (sshconfig.Layout, error) {
	var err error
	if l.Program, err = sshconfig.ThisProgram(); err != nil {
		return l, err
	}
	if entries, err := os.ReadFile(l.ConfigFile()); err == nil {
		l.RSA = bytes.Contains(entries, []byte("rsa-sha2-512")) // setup asked ssh
	} else {
		l.RSA = program.KnowsRSA()
	}
	return l, nil
}
