package openssh

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// Probe is a question that ssh answers without connecting: does an alias lead where the entries want it?
type Probe struct {
	Alias        string
	Target       config.Target // the target that it must lead to; empty for a menu
	HostKeyAlias string        // the value that the entries set for it
}

// Outcome is the answer to a Probe.
type Outcome int

const (
	// NotAsked: there is no ssh, or no configuration that it could read, or it did not answer.
	NotAsked Outcome = iota
	// EntriesNotFound: ssh does not read the entries, or something before them overrides them.
	EntriesNotFound
	// TargetNotFound: ssh reads the entries, but the alias does not lead to its target.
	TargetNotFound
	// EntriesWork: ssh reads the entries, and the alias leads to its target.
	EntriesWork
)

// Probe has ssh read its configuration, first for a host that is not one of ours, then for the alias. options
// is the output of ssh -G for the alias. The error is a *RefusedError, or says why ssh could not be asked.
func (s SSH) Probe(ctx context.Context, l sshconfig.Layout, p Probe) (outcome Outcome, options string, err error) {
	if s == "" {
		return NotAsked, "", nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // only an ssh with -F would complain about that
		return NotAsked, "", nil
	}
	if _, err := s.Options(ctx, l, ForeignHost); err != nil {
		return NotAsked, "", err
	}
	options, err = s.Options(ctx, l, p.Alias)
	switch {
	case err != nil:
		return NotAsked, "", err
	case Option(options, "hostkeyalias") != p.HostKeyAlias:
		return EntriesNotFound, options, nil
	case p.Target != "" && Option(options, "remotecommand") != string(p.Target):
		return TargetNotFound, options, nil
	}
	return EntriesWork, options, nil
}
