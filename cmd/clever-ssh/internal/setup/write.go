package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
	"clever-ssh/proxycmd"
)

// carryOut makes the changes, has ssh read them, and takes everything back if ssh refuses, or if the user interrupts.
func (p *Plan) carryOut(ctx context.Context) error {
	if err := p.prepare(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return p.adviseOnWrite(context.Cause(ctx))
	}
	// PuTTY's sessions come first: what a killed command leaves undone, clever-ssh.toml still asks for, or it is not asked for
	// yet.
	err := p.sessions.CarryOut(func() error {
		return atomicfile.Replace(p.files(), func() (err error) {
			ui.StepsOfFiles(p.files()...)
			p.answer, p.options, err = p.ssh.Probe(ctx, p.layout, p.probe)
			return err
		})
	})
	if err == nil {
		ui.StepsOfSessions(p.sessions)
	}
	if session := new(putty.UndoError); errors.As(err, &session) {
		return ui.Hint(err, "delete that session in PuTTY, then run this again")
	}
	undo := new(atomicfile.UndoError)
	if errors.As(err, &undo) {
		advice := "look at that file; clever-ssh would have left it as it was"
		if undo.Path == p.layout.UserFile {
			advice = "take this line out of it: " + p.layout.IncludeLine()
		}
		return ui.Hint(err, advice)
	}
	if refused := new(openssh.RefusedError); errors.As(err, &refused) {
		// Undone now, so ssh's complaint, if it still has one, is about the user's own lines, and counts them right.
		if _, own := p.ssh.Options(ctx, p.layout, openssh.ForeignHost); own != nil {
			err = own
		}
	}
	return p.adviseOnWrite(err)
}

// adviseOnWrite adds to an error of carryOut, after which all is as it was, what can be done about it.
func (p *Plan) adviseOnWrite(err error) error {
	if err == nil {
		return nil
	}
	var changed *atomicfile.ChangedError
	var write *atomicfile.WriteError
	var refused *openssh.RefusedError
	var session *putty.Error
	var group *atomicfile.GroupError
	var file *fs.PathError
	advice := []string{"mend that, then run this again"}
	switch {
	case errors.Is(err, context.Canceled):
		advice = nil
	case errors.As(err, &session):
		err = ui.HintPuTTY(err)
	case errors.As(err, &changed):
		advice = []string{"run this again"}
	case errors.As(err, &group) && errors.As(err, &file):
		advice = []string{"to let it have another group: chmod g=o " + quote.Arg(file.Path) + "   (its group then has the access that everybody has)", "then run this again"}
	case errors.As(err, &refused) && refused.Advice != nil:
		advice = refused.Advice
	case errors.As(err, &write) && write.Path == p.layout.UserFile &&
		(errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, atomicfile.ErrLinked) || errors.Is(err, atomicfile.ErrAttributes)):
		advice = []string{fmt.Sprintf("if %s is kept elsewhere, or is not to be written, put this line at its top yourself and run this again: %s", p.layout.UserFile, p.layout.IncludeLine())}
	}
	return ui.Hint(fmt.Errorf("%w; your files are as they were", err), advice...)
}

// prepare mends what connections, or others, may have made of the derived files: ssh stops for every host when it includes a
// file that others can write to, or one that it cannot parse.
func (p *Plan) prepare() error {
	for _, file := range []string{p.layout.ConfigFile(), p.layout.MatchFile(), p.layout.DirectFile(), p.layout.BridgeKey(), p.layout.BridgeKnownHosts()} {
		if err := atomicfile.Private(file); err != nil {
			return err
		}
	}
	if err := sshconfig.MendDirect(p.layout.DirectFile(), p.gone); err != nil {
		return err
	}
	// What is no longer pinned leaves even if the rest fails: a connection puts back what it finds pinned.
	if knownHosts, err := atomicfile.Read(p.layout.KnownHosts()); err != nil || knownHosts == nil {
		return err
	}
	for _, g := range p.known() {
		if err := proxycmd.UpdateKnownHosts(p.layout.KnownHosts(), g, nil); err != nil {
			return err
		}
	}
	return nil
}

// known are the gateways of the configuration, and those that have left it, without a pin.
func (p *Plan) known() []*config.Gateway {
	list := slices.Clone(p.config.Gateways)
	for _, suffix := range p.gone {
		list = append(list, &config.Gateway{Suffix: suffix})
	}
	return list
}

// allChanges are the changes with those that carryOut makes to the files that connections write, too.
func (p *Plan) allChanges() ([]atomicfile.Change, error) {
	pinned := func(text []byte) []byte {
		for _, g := range p.known() {
			text = proxycmd.PinnedHosts(text, g)
		}
		return text
	}
	changes := p.files()
	for _, file := range []struct {
		path string
		mend func([]byte) []byte
	}{{p.layout.DirectFile(), func(text []byte) []byte { return sshconfig.MendedDirect(text, p.gone) }}, {p.layout.KnownHosts(), pinned}} {
		text, err := atomicfile.Read(file.path)
		if err != nil {
			return nil, err
		}
		if text != nil {
			changes = append(changes, atomicfile.Change{Path: file.path, Old: text, New: file.mend(text)})
		}
	}
	return changes, nil
}
