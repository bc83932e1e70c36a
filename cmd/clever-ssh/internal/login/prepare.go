package login

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"
)

// Prepare prepares the ssh that logs in for an alias. Line is how the person called the ssh that asks for this, whose options hold
// for the login, too; the zero CommandLine if there was none.
func Prepare(s *settings.Settings, a config.Alias, line caller.CommandLine) (*Inner, error) {
	options, decisive := line.HandedOn()
	i := &Inner{Program: cmp.Or(openssh.Find(), openssh.SSH(line.Program)), alias: a.Base, gateway: a.Gateway, args: options, debug: line.HasFlag("v")}
	if i.Program == "" {
		return nil, ui.Hint(errors.New("there is no ssh"), ui.InstallSSH)
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

// protection is against what the user's own configuration may do to a session of this kind, as far as ssh knows it. Only the first
// IgnoreUnknown counts, so this one has to do for what the user's lists as well.
var protection = []string{"IgnoreUnknown=*", "SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "ClearAllForwardings=yes",
	"PermitLocalCommand=no", "VisualHostKey=no", "EscapeChar=none"}

// addOptions adds options to ssh's command line.
func (i *Inner) addOptions(options ...string) {
	for _, o := range options {
		i.args = append(i.args, "-o", o)
	}
}

// layoutFor completes a layout as entries for this ssh have it, whether they are written or not.
func layoutFor(program openssh.SSH, l sshconfig.Layout) (sshconfig.Layout, error) {
	var err error
	if l.Program, err = sshconfig.ThisProgram(); err != nil {
		return l, err
	}
	if entries, err := os.ReadFile(l.ConfigFile()); err == nil {
		l.RSA = bytes.Contains(entries, []byte("rsa-sha2-512")) // setup has asked
	} else {
		l.RSA = program.KnowsRSA()
	}
	return l, nil
}
