package test

import "slices"

// Alone are options, as ssh_config has them, that make ssh ask nobody, and use no keys and no known hosts of the account or
// of the machine.
var Alone = []string{"BatchMode yes", "IdentitiesOnly yes", "IdentityAgent none", "GlobalKnownHostsFile none"}

// AnyHostKey are options for a server whose host key is not what is tested.
var AnyHostKey = []string{"StrictHostKeyChecking no", "UserKnownHostsFile /dev/null"}

// SSHArguments gives ssh lists of options on its command line, and no configuration file.
func SSHArguments(options ...[]string) []string {
	args := []string{"-F", "none"}
	for _, o := range slices.Concat(options...) {
		args = append(args, "-o", o)
	}
	return args
}
