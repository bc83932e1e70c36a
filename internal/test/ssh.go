package test

import "slices"

// Alone are options, in ssh_config's spelling, that make ssh ask nobody and use no keys or known hosts of the account
// or the machine.
var Alone = []string{"BatchMode yes", "IdentitiesOnly yes", "IdentityAgent none", "GlobalKnownHostsFile none"}

// AnyHostKey are options for a server whose host key is not under test.
var AnyHostKey = []string{"StrictHostKeyChecking no", "UserKnownHostsFile /dev/null"}

// SSHArguments turns lists of options into arguments for an ssh without a configuration file.
func SSHArguments(options ...[]string) []string {
	return append([]string{"-F", "none"}, SSHOptions(options...)...)
}

// SSHOptions turns lists of options into arguments for an ssh with a configuration file.
func SSHOptions(options ...[]string) (args []string) {
	for _, o := range slices.Concat(options...) {
		args = append(args, "-o", o)
	}
	return args
}
