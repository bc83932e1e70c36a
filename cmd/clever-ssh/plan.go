package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/proxycmd"
)

// plan is an edit of the configuration with all the files that follow from it, before anything is written.
type plan struct {
	config *config.Config
	layout sshconfig.Layout
	ssh    openSSH
	files  []atomicfile.File

	inForce bool // set by carryOut: ssh has read the entries
}

// plan works out what an edit of the settings changes. The caller has held their lock since they were read.
func (s *settings) plan(edit config.Edit) (*plan, error) {
	from := s.layout
	if edit.SSHConfig == from.UserFile {
		edit.SSHConfig = ""
	}
	text, after, err := config.Apply(s.path, s.text, edit)
	if taken := new(config.NameTakenError); errors.As(err, &taken) {
		return nil, hint(err, fmt.Sprintf("to give it to the other: clever-ssh remove %s%s, then this again", suffixFlag(edit.Suffix), taken.Name))
	}
	if missing := new(config.PinsMissingError); errors.As(err, &missing) {
		return nil, hint(err, "give --pin SHA256:... once for each of its host keys; who runs the gateway can tell their fingerprints")
	}
	if err != nil {
		return nil, err
	}
	if len(s.text) == 0 && len(text) > 0 {
		text = slices.Concat([]byte(config.Marker+"\n\n"), text)
	}
	p := &plan{config: after, ssh: findSSH()}
	if p.layout, err = layout(after); err != nil {
		return nil, err
	}
	if _, err := os.Stat(from.ConfigFile()); p.layout.UserFile != from.UserFile && err == nil {
		return nil, hint(fmt.Errorf("the entries are written for %s already", from.UserFile), "to move them: clever-ssh remove --all, then this again")
	}
	program, err := sshconfig.FindProgram()
	if err != nil {
		return nil, err
	}
	if p.layout.Program, err = sshconfig.NewProgram(program); err != nil {
		return nil, err
	}
	p.layout.RSA = p.ssh.knowsRSA()
	if p.files, err = derive(after, p.layout); err != nil {
		return nil, err
	}
	if !bytes.Equal(text, s.text) {
		p.files = slices.Insert(p.files, 1, atomicfile.File{Path: s.path, Content: text})
	}
	return p, nil
}

// derive returns every file that follows from the configuration, the user's own first: where that cannot be written,
// nothing else is begun.
func derive(c *config.Config, l sshconfig.Layout) ([]atomicfile.File, error) {
	user, err := os.ReadFile(l.UserFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	user, err = sshconfig.AddInclude(user, l)
	if err != nil {
		return nil, fmt.Errorf("%s is left alone: %w", l.UserFile, err)
	}
	return []atomicfile.File{
		{Path: l.UserFile, Content: user},
		{Path: l.ConfigFile(), Content: sshconfig.Config(c, l)},
		{Path: l.MatchFile(), Content: sshconfig.Match(c, l)},
	}, nil
}

// carryOut writes the files, has ssh read them, and takes everything back if ssh refuses.
func (p *plan) carryOut() error {
	if err := prepare(p.layout); err != nil {
		return err
	}
	check := func() (err error) {
		p.inForce, err = p.ssh.reads(p.layout, p.config)
		return err
	}
	if err := atomicfile.Replace(p.files, check); err != nil {
		// Undone now, so ssh's complaint, if it still has one, is about the user's own lines, and counts them right.
		if own := check(); own != nil {
			err = own
		}
		denied := errors.Is(err, fs.ErrPermission)
		err = hint(fmt.Errorf("%w; your files are as they were", err), "mend that, then run this again")
		if denied {
			err = hint(err, "if you keep "+p.layout.UserFile+" elsewhere, it must begin with the line: "+p.layout.IncludeLine())
		}
		return err
	}
	for _, g := range p.config.Gateways {
		if err := proxycmd.UpdateKnownHosts(p.layout.KnownHosts(), g, nil); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes what is missing of the folders that hold the entries, and closes those files to others: ssh stops
// for every host when it includes one that they can write, or one that it cannot parse.
func prepare(l sshconfig.Layout) error {
	for _, file := range []string{l.ConfigFile(), l.MatchFile(), l.DirectFile()} {
		if err := os.Chmod(file, atomicfile.Mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(l.Folder(), 0o700); err != nil {
		return err
	}
	return sshconfig.MendDirect(l.DirectFile())
}

// suffixFlag is what a command about a gateway needs on its command line, with the space behind it.
func suffixFlag(suffix string) string {
	if suffix == config.DefaultSuffix {
		return ""
	}
	return "--suffix " + suffix + " "
}
