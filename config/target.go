package config

import (
	"fmt"
	"strings"
)

// Target is what goes into the remote-command slot of a connection to the gateway: an application id or an
// instance id. Its characters mean nothing to a shell, to ssh_config or to a file system.
type Target string

// Name is a label that a person chose for a target.
type Name string

// The gateway is the judge of which application ids exist; this only keeps everything out that could mean something to a
// shell, an ssh_config file or the registry. There may be thousands of targets to read before a connection can begin, so
// there are no regular expressions.
const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// madeOf reports whether a string is of 1 to longest bytes, all of them among the ones allowed.
func madeOf(s, allowed string, longest int) bool {
	if s == "" || len(s) > longest {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(allowed, s[i]) < 0 {
			return false
		}
	}
	return true
}

func isTarget(s string) bool { return isApplicationID(s) || isInstanceID(s) }

func isApplicationID(s string) bool {
	rest, ok := strings.CutPrefix(s, "app_")
	return ok && madeOf(rest, lower+digits+upper+"_-", 64)
}

// isInstanceID recognises a UUID in lower case (RFC 9562, section 4).
func isInstanceID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		madeOf(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:], digits+"abcdef", 32)
}

// runLabel ends the labels of run aliases (web.run.clever), so no name may end in it.
const runLabel = ".run"

// ParseTarget accepts an application id ("app_" and 1 to 64 letters, digits, "_" or "-") or an instance id (a
// lower-case UUID).
func ParseTarget(s string) (Target, error) {
	if isTarget(s) {
		return Target(s), nil
	}
	return "", fmt.Errorf("%.90q is neither an application id (app_...) nor an instance id (a lower-case UUID)", s)
}

// ParseName accepts 1 to 63 lower-case letters, digits, ".", "_" or "-", the first of them a letter or a digit,
// that are not a target themselves and do not end in ".run".
func ParseName(s string) (Name, error) {
	switch {
	case !madeOf(s, lower+digits+"._-", 63) || strings.IndexByte("._-", s[0]) >= 0:
		return "", fmt.Errorf("%.90q is no valid name: use 1 to 63 lower-case letters, digits, '.', '_' or '-', beginning with a letter or a digit", s)
	case isTarget(s):
		return "", fmt.Errorf("%.90q is no valid name: it is itself the id of an application or instance", s)
	case strings.HasSuffix(s, runLabel):
		return "", fmt.Errorf("%.90q is no valid name: the ending %s is kept for run aliases", s, runLabel)
	}
	return Name(s), nil
}
