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

// carryOut writes everything, then has ssh read it. It takes everything back if ssh refuses or the user
// interrupts.
func (p *Plan) carryOut(ctx context.Context) error {
	if err := p.repair(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return p.explainTakenBack(context.Cause(ctx))
	}
	// PuTTY's sessions come first. If the command is killed in between, clever-ssh.toml does not name the new
	// ones yet, and still names those that are gone: the next setup fixes both.
	err := p.sessions.CarryOut(func() error {
		return atomicfile.Replace(p.files(), func() (err error) {
			ui.StepsOfFiles(p.files()...)
			p.answer, p.options, err = p.ssh.Probe(ctx, p.layout, p.probe)
			return err
		})
	})
	if err != nil {
		return p.explainFailure(ctx, err)
	}
	ui.StepsOfSessions(p.sessions)
	return nil
}

// fixAndRepeat is the hint after a failure whose cause is for the user to find.
const fixAndRepeat = "fix that, then run this again"

// explainFailure adds to an error of carryOut what the user can do about it. If something could not be taken
// back, that comes first.
func (p *Plan) explainFailure(ctx context.Context, err error) error {
	if session := new(putty.UndoError); errors.As(err, &session) {
		return ui.Hint(err, "delete that session in PuTTY, then run this again")
	}
	if file := new(atomicfile.UndoError); errors.As(err, &file) {
		hint := "check that file: clever-ssh meant to leave it as it was"
		if file.Path == p.layout.UserFile {
			hint = "remove this line from it: " + p.layout.IncludeLine()
		}
		return ui.Hint(err, hint)
	}
	if refused := new(openssh.RefusedError); errors.As(err, &refused) {
		// Everything is taken back. If ssh still complains, the cause is in the user's own lines, and the line
		// numbers are right now.
		if _, own := p.ssh.Options(ctx, p.layout, openssh.ForeignHost); own != nil {
			err = own
		}
	}
	return p.explainTakenBack(err)
}

// explainTakenBack says that everything is as it was before the error, and what the user can do about the
// error.
func (p *Plan) explainTakenBack(err error) error {
	if session := new(putty.Error); errors.As(err, &session) && !errors.Is(err, context.Canceled) {
		err = ui.HintPuTTY(err)
	}
	return ui.Hint(fmt.Errorf("%w; your files are as they were", err), p.hintsOn(err)...)
}

// hintsOn returns what a user can do about an error that left everything as it was.
func (p *Plan) hintsOn(err error) []string {
	var (
		session *putty.Error
		changed *atomicfile.ChangedError
		group   *atomicfile.GroupError
		file    *fs.PathError
		refused *openssh.RefusedError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &session):
		return []string{fixAndRepeat}
	case errors.As(err, &changed):
		return []string{"run this again"}
	case errors.As(err, &group) && errors.As(err, &file):
		return []string{"to let setup change its group: chmod g=o " + quote.Arg(file.Path) + "   (its group then has the same access as everybody else)", "then run this again"}
	case errors.As(err, &refused) && refused.Hints != nil:
		return refused.Hints
	case p.userFileIsFixed(err):
		return []string{fmt.Sprintf("if %s is managed elsewhere or must not be changed, put this line at its top yourself and run this again: %s", p.layout.UserFile, p.layout.IncludeLine())}
	}
	return []string{fixAndRepeat}
}

// userFileIsFixed reports whether an error means that the user's own file cannot be replaced, perhaps on
// purpose.
func (p *Plan) userFileIsFixed(err error) bool {
	write := new(atomicfile.WriteError)
	if !errors.As(err, &write) || write.Path != p.layout.UserFile {
		return false
	}
	return slices.ContainsFunc([]error{fs.ErrPermission, syscall.EROFS, syscall.EBUSY, atomicfile.ErrLinked, atomicfile.ErrAttributes},
		func(reason error) bool { return errors.Is(err, reason) })
}

// privateFiles returns the derived files that must have [atomicfile.Mode].
func privateFiles(l sshconfig.Layout) []string {
	return []string{l.ConfigFile(), l.MatchFile(), l.DirectFile(), l.BridgeKey(), l.BridgeKnownHosts()}
}

// repair repairs the derived files, whatever connections or other programs did to them: ssh stops for every
// host if it includes a file that others can write to, or one that it cannot parse.
func (p *Plan) repair() error {
	for _, file := range privateFiles(p.layout) {
		if err := atomicfile.Private(file); err != nil {
			return err
		}
	}
	if err := sshconfig.CleanDirect(p.layout.DirectFile(), p.gone); err != nil {
		return err
	}
	// Keys that are no longer pinned go even if the rest fails. Nothing is lost: a connection writes the pinned
	// ones back.
	if knownHosts, err := atomicfile.Read(p.layout.KnownHosts()); err != nil || knownHosts == nil {
		return err
	}
	for _, g := range p.knownGateways() {
		if err := proxycmd.UpdateKnownHosts(p.layout.KnownHosts(), g, nil); err != nil {
			return err
		}
	}
	return nil
}

// knownGateways returns the gateways of the new settings, and those that the edit removes, without a pin.
func (p *Plan) knownGateways() []*config.Gateway {
	list := slices.Clone(p.config.Gateways)
	for _, suffix := range p.gone {
		list = append(list, &config.Gateway{Suffix: suffix})
	}
	return list
}

// withRepairs returns the changes of all files, and the changes that repair makes to the files that connections
// write.
func (p *Plan) withRepairs() ([]atomicfile.Change, error) {
	pinned := func(text []byte) []byte {
		for _, g := range p.knownGateways() {
			text = proxycmd.PinnedHosts(text, g)
		}
		return text
	}
	changes := p.files()
	for _, file := range []struct {
		path   string
		repair func([]byte) []byte
	}{{p.layout.DirectFile(), func(text []byte) []byte { return sshconfig.CleanedDirect(text, p.gone) }}, {p.layout.KnownHosts(), pinned}} {
		text, err := atomicfile.Read(file.path)
		if err != nil {
			return nil, err
		}
		if text != nil {
			changes = append(changes, atomicfile.Change{Path: file.path, Old: text, New: file.repair(text)})
		}
	}
	return changes, nil
}
