package setup

import (
	"fmt"

	"clever-ssh/config"
)

// Request is what a command line of setup asks for.
type Request struct {
	Edit      config.Edit
	targets   []config.Target // those that need no registration
	doubts    []error         // about ids on the command line
	Adopt     bool
	NoInclude bool
	DryRun    bool
	found     string // what names were found, for a message
}

// name asks for a name.
func (r *Request) name(n config.Name, t config.Target) error {
	if other, ok := r.Edit.Names[n]; ok && other != t {
		return fmt.Errorf("%s is given two targets, %s and %s", n, other, t)
	}
	if r.Edit.Names == nil {
		r.Edit.Names = map[config.Name]config.Target{}
	}
	r.Edit.Names[n] = t
	return nil
}
