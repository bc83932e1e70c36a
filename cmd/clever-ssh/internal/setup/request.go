package setup

import (
	"fmt"

	"clever-ssh/config"
)

// Request is what a command line of setup asks for.
type Request struct {
	Edit      config.Edit
	Adopt     bool // register the entries that the user wrote by hand
	NoInclude bool // leave the user's own ssh_config alone
	DryRun    bool // change nothing, print the differences

	targets []config.Target // given without a name: they need no registration
	doubts  []error         // doubts about ids on the command line
	found   string          // the applications linked here, for a message
	account account         // the API's answer
	typed   bool            // whether the command line names anything

	accountNames []config.AccountName // the account's names after this request
}

// addName asks for a name. The same name cannot have two targets.
func (r *Request) addName(n config.Name, t config.Target) error {
	if other, ok := r.Edit.Names[n]; ok && other != t {
		return fmt.Errorf("two targets are given for %s: %s and %s", n, other, t)
	}
	if r.Edit.Names == nil {
		r.Edit.Names = map[config.Name]config.Target{}
	}
	r.Edit.Names[n] = t
	return nil
}
