package main

import (
	"fmt"

	"clever-ssh/config"
)

// request is what a command line of setup asks for.
type request struct {
	edit      config.Edit
	targets   []config.Target // those that need no registration
	doubts    []error         // about ids on the command line
	adopt     bool
	noInclude bool
	dryRun    bool
	found     string // what names were found, for a message
}

// name asks for a name.
func (r *request) name(n config.Name, t config.Target) error {
	if other, ok := r.edit.Names[n]; ok && other != t {
		return fmt.Errorf("%s is given two targets, %s and %s", n, other, t)
	}
	if r.edit.Names == nil {
		r.edit.Names = map[config.Name]config.Target{}
	}
	r.edit.Names[n] = t
	return nil
}
