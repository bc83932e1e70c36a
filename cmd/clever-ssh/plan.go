package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
	"clever-ssh/proxycmd"

	"golang.org/x/crypto/ssh"
)

// plan is an edit of the configuration with all the files that follow from it, before anything is written.
type plan struct {
	config  *config.Config
	gone    []string // the suffixes of gateways that are no longer in it
	layout  sshconfig.Layout
	ssh     openSSH
	changes []atomicfile.Change
	putty   *putty.Changes
	probe   probe

	answer  answer // set by carryOut: what ssh made of the entries
	options string // likewise: what ssh -G prints for the probe
}

// plan works out what an edit of the settings changes. The Include line is left alone unless include is set. Whoever carries
// it out has held the lock of the settings since they were read.
func (s *settings) plan(edit config.Edit, include bool) (*plan, error) {
	from := s.layout
	if edit.SSHConfig == from.UserFile {
		edit.SSHConfig = ""
	}
	text, after, err := config.Apply(s.path, s.text, edit)
	if err != nil {
		return nil, adviseOnEdit(err, edit.Suffix)
	}
	if s.text == nil && text != nil {
		text = append([]byte(config.Marker+"\n\n"), text...)
	}
	p := &plan{config: after, ssh: findSSH()}
	for _, g := range s.config.Gateways {
		if after.Gateway(g.Suffix) == nil {
			p.gone = append(p.gone, g.Suffix)
		}
	}
	if p.layout, err = layout(after); err != nil {
		return nil, err
	}
	if _, err := os.Stat(from.ConfigFile()); p.layout.UserFile != from.UserFile && err == nil {
		return nil, hint(fmt.Errorf("the entries are written for %s already", from.UserFile), "to move them: clever-ssh remove --all, then this again; that forgets the names, so keep a copy of "+s.path)
	}
	if p.layout.Program, err = sshconfig.ThisProgram(); err != nil {
		return nil, err
	}
	p.layout.RSA = p.ssh.knowsRSA()

	l := &p.layout
	written, err := readDerived(l.ConfigFile())
	if err != nil {
		return nil, err
	}
	match, err := readDerived(l.MatchFile())
	if err != nil {
		return nil, err
	}
	if _, err := readDerived(l.DirectFile()); err != nil && written == nil { // later on, MendDirect sees to it
		return nil, err
	}
	user, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return nil, err
	}
	l.Added = sshconfig.ParseAdded(written)
	edited := user
	if include {
		before := l.Added
		if edited, l.Added, err = sshconfig.EditUserFile(user, *l, true); err != nil {
			return nil, fmt.Errorf("%s is left alone: %w", l.UserFile, err)
		}
		if _, err := os.Stat(filepath.Dir(l.UserFile)); before == nil && l.Added != nil && errors.Is(err, fs.ErrNotExist) {
			l.Added.Folder = true
		}
	}
	key, keyNow, err := readBridgeKey(*l)
	if err != nil {
		return nil, err
	}
	bridgeHosts, err := atomicfile.Read(l.BridgeKnownHosts())
	if err != nil {
		return nil, err
	}
	// The user's own file comes last: when ssh reads the line, what it includes is there, and so is the comment that tells
	// whose line it is.
	p.changes = []atomicfile.Change{
		{Path: l.BridgeKey(), Old: key, New: keyNow.text},
		{Path: l.BridgeKnownHosts(), Old: bridgeHosts, New: sshconfig.BridgeKnownHosts(keyNow.PublicKey())},
		{Path: l.MatchFile(), Old: match, New: sshconfig.Match(after, *l)},
		{Path: l.ConfigFile(), Old: written, New: sshconfig.Config(after, *l)},
		{Path: s.path, Old: s.text, New: text},
		{Path: l.UserFile, Old: user, New: edited},
	}
	sessions, err := wantedSessions(after, p.layout.Program, keyNow.PublicKey())
	if err == nil {
		p.putty, err = s.puttyChanges(after, sessions)
	}
	if err != nil {
		return nil, adviseOnPuTTY(fmt.Errorf("PuTTY's saved sessions cannot be read: %w", err))
	}
	program, err := sshconfig.FindProgram() // which ThisProgram has found
	if err != nil {
		return nil, err
	}
	if err := checkPlace(program, p.callers()...); err != nil {
		return nil, err
	}
	p.probe = probe{alias: after.Gateways[0].Suffix, hostKeyAlias: after.Gateways[0].HostKeyAlias()}
	return p, nil
}

// ask has ssh be asked for an alias when the entries are written, instead of for the first menu.
func (p *plan) ask(g *config.Gateway, label string, target config.Target) {
	p.probe = probe{alias: label + "." + g.Suffix, target: target, hostKeyAlias: g.HostKeyAlias()}
}

// bridgeHostKey is a host key for the bridge, and its file.
type bridgeHostKey struct {
	ssh.Signer
	text []byte
}

// readBridgeKey reads the bridge's host key, and makes another where there is none that is good. Old is what is there.
func readBridgeKey(l sshconfig.Layout) (old []byte, key bridgeHostKey, err error) {
	if old, err = atomicfile.Read(l.BridgeKey()); err != nil {
		return nil, key, err
	}
	if key.text, key.Signer, err = old, nil, nil; old != nil {
		key.Signer, err = sshconfig.ParseBridgeKey(old)
	}
	if old == nil || err != nil {
		if key.text, err = sshconfig.NewBridgeKey(); err == nil {
			key.Signer, err = sshconfig.ParseBridgeKey(key.text)
		}
	}
	return old, key, err
}

// carryOut makes the changes, has ssh read them, and takes everything back if ssh refuses, or if the user interrupts.
func (p *plan) carryOut(ctx context.Context) error {
	if err := p.prepare(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return p.adviseOnWrite(context.Cause(ctx))
	}
	// PuTTY's sessions come first: what a killed command leaves undone, clever-ssh.toml still asks for, or it is not asked for
	// yet.
	err := p.putty.CarryOut(func() error {
		return atomicfile.Replace(p.changes, func() (err error) {
			stepsOf(p.changes...)
			p.answer, p.options, err = p.ssh.reads(ctx, p.layout, p.probe)
			return err
		})
	})
	if err == nil {
		stepsOfSessions(p.putty)
	}
	if session := new(putty.UndoError); errors.As(err, &session) {
		return hint(err, "delete that session in PuTTY, then run this again")
	}
	undo := new(atomicfile.UndoError)
	if errors.As(err, &undo) {
		advice := "look at that file; clever-ssh would have left it as it was"
		if undo.Path == p.layout.UserFile {
			advice = "take this line out of it: " + p.layout.IncludeLine()
		}
		return hint(err, advice)
	}
	if refused := new(refusedError); errors.As(err, &refused) {
		// Undone now, so ssh's complaint, if it still has one, is about the user's own lines, and counts them right.
		if _, own := p.ssh.options(ctx, p.layout, foreignHost); own != nil {
			err = own
		}
	}
	return p.adviseOnWrite(err)
}

// adviseOnWrite adds to an error of carryOut, after which all is as it was, what can be done about it.
func (p *plan) adviseOnWrite(err error) error {
	if err == nil {
		return nil
	}
	var changed *atomicfile.ChangedError
	var write *atomicfile.WriteError
	var refused *refusedError
	var session *putty.Error
	var group *atomicfile.GroupError
	var file *fs.PathError
	advice := []string{"mend that, then run this again"}
	switch {
	case errors.Is(err, context.Canceled):
		advice = nil
	case errors.As(err, &session):
		err = adviseOnPuTTY(err)
	case errors.As(err, &changed):
		advice = []string{"run this again"}
	case errors.As(err, &group) && errors.As(err, &file):
		advice = []string{"to let it have another group: chmod g=o " + quote.Arg(file.Path) + "   (its group then has the access that everybody has)", "then run this again"}
	case errors.As(err, &refused) && refused.advice != nil:
		advice = refused.advice
	case errors.As(err, &write) && write.Path == p.layout.UserFile &&
		(errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, atomicfile.ErrLinked) || errors.Is(err, atomicfile.ErrAttributes)):
		advice = []string{fmt.Sprintf("if %s is kept elsewhere, or is not to be written, put this line at its top yourself and run this again: %s", p.layout.UserFile, p.layout.IncludeLine())}
	}
	return hint(fmt.Errorf("%w; your files are as they were", err), advice...)
}

// overrides lists what the user's own configuration made of a suffix that is new to it, before the entries are there; and which
// ways to these hosts it names, that are not used any more.
func (p *plan) overrides(ctx context.Context, before *config.Config) (list []string, ways []error) {
	user := p.changes[len(p.changes)-1]
	for _, g := range p.config.Gateways {
		if p.ssh == "" || user.Old == nil || (before.Gateway(g.Suffix) != nil && bytes.Equal(user.Old, user.New)) {
			continue
		}
		for _, host := range []string{g.Suffix, "any." + g.Suffix} {
			options, err := p.ssh.options(ctx, p.layout, host)
			if err != nil {
				return nil, nil // carryOut will tell
			}
			if way := wayOf(options); way != "" && host != g.Suffix && g.Via.URL() == nil {
				ways = append(ways, unusedError(way, "*."+g.Suffix, g))
			}
			name, command := optionOf(options, "hostname"), optionOf(options, "remotecommand")
			if (name != "" && name != host && !strings.EqualFold(name, g.Address.Host)) || (command != "" && command != "none") {
				list = append(list, strings.Replace(host, "any.", "*.", 1))
			}
		}
	}
	return list, ways
}

// wayOf is the ProxyJump or ProxyCommand in what ssh -G prints, as a line of ssh_config; empty where there is none.
func wayOf(options string) string {
	for _, keyword := range []string{"ProxyJump", "ProxyCommand"} {
		if value := optionOf(options, strings.ToLower(keyword)); value != "" && value != "none" {
			return keyword + " " + value
		}
	}
	return ""
}

// prepare mends what connections, or others, may have made of the derived files: ssh stops for every host when it includes a
// file that others can write to, or one that it cannot parse.
func (p *plan) prepare() error {
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
func (p *plan) known() []*config.Gateway {
	list := slices.Clone(p.config.Gateways)
	for _, suffix := range p.gone {
		list = append(list, &config.Gateway{Suffix: suffix})
	}
	return list
}

// allChanges are the changes with those that carryOut makes to the files that connections write, too.
func (p *plan) allChanges() ([]atomicfile.Change, error) {
	pinned := func(text []byte) []byte {
		for _, g := range p.known() {
			text = proxycmd.PinnedHosts(text, g)
		}
		return text
	}
	changes := p.changes
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
