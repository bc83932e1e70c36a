package openssh

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// Probe is what ssh is asked for, without connecting, to see what it makes of the entries.
type Probe struct {
	Alias        string
	Target       config.Target // what it must lead to; empty for a menu
	HostKeyAlias string
}

// Outcome is what ssh made of the entries.
type Outcome int

const (
	unasked         Outcome = iota // there is no ssh, or no file for it
	EntriesNotFound                // it did not find them: it looked for them elsewhere, or found something before
	TargetNotFound                 // it found them, but not the target
	Found
)

// Probe has ssh read its configuration for a host that is none of ours and for the probe. Options are what it prints for the probe. The error
// is a *RefusedError, or that it could not be asked.
func (s SSH) Probe(ctx context.Context, l sshconfig.Layout, p Probe) (made Outcome, options string, err error) {
	if s == "" {
		return unasked, "", nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // which ssh minds under -F only
		return unasked, "", nil
	}
	if _, err := s.Options(ctx, l, ForeignHost); err != nil {
		return unasked, "", err
	}
	options, err = s.Options(ctx, l, p.Alias)
	switch {
	case err != nil:
		return unasked, "", err
	case Option(options, "hostkeyalias") != p.HostKeyAlias:
		return EntriesNotFound, options, nil
	case p.Target != "" && Option(options, "remotecommand") != string(p.Target):
		return TargetNotFound, options, nil
	}
	return Found, options, nil
}
