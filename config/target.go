package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Target is what goes into the remote-command slot of a connection to the gateway: an application id or an
// instance id. Its characters mean nothing to a shell, to ssh_config or to a file system.
type Target string

// Name is a label that a person chose for a target.
type Name string

// The gateway is the judge of which application ids exist; these expressions only keep everything out that
// could mean something to a shell, an ssh_config file or the registry. Lengths are checked apart: to compile a long
// bounded repetition takes each process longer than everything else that it starts with.
var (
	applicationID = regexp.MustCompile(`\Aapp_[A-Za-z0-9_-]+\z`)
	instanceID    = regexp.MustCompile(`\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z`)
	nameLabel     = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]*\z`)
)

// runLabel ends the labels of run aliases (web.run.clever), so no name may end in it.
const runLabel = ".run"

// ParseTarget accepts an application id ("app_" and 1 to 64 letters, digits, "_" or "-") or an instance id (a
// lower-case UUID).
func ParseTarget(s string) (Target, error) {
	if (len(s) <= len("app_")+64 && applicationID.MatchString(s)) || instanceID.MatchString(s) {
		return Target(s), nil
	}
	return "", fmt.Errorf("%q is neither an application id (app_...) nor an instance id (a lower-case UUID)", s)
}

// ParseName accepts 1 to 63 lower-case letters, digits, ".", "_" or "-", the first of them a letter or a digit,
// that are not a target themselves and do not end in ".run".
func ParseName(s string) (Name, error) {
	switch _, err := ParseTarget(s); {
	case len(s) > 63 || !nameLabel.MatchString(s):
		return "", fmt.Errorf("%q is no valid name: use 1 to 63 lower-case letters, digits, '.', '_' or '-', beginning with a letter or a digit", s)
	case err == nil:
		return "", fmt.Errorf("%q is no valid name: it is itself the id of an application or instance", s)
	case strings.HasSuffix(s, runLabel):
		return "", fmt.Errorf("%q is no valid name: the ending %s is kept for run aliases", s, runLabel)
	}
	return Name(s), nil
}
