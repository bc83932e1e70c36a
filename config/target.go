package config

import (
	"fmt"
	"net/url"
	"strings"

	"clever-ssh/internal/quote"
)

// Target is what goes into the remote-command slot of a connection to the gateway: an application id or an
// instance id. Its characters mean nothing to a shell, to ssh_config or to a file system.
type Target string

// Name is a label that a person chose for a target.
type Name string

// The gateway decides which application ids exist. The checks here only keep out what could mean something to a
// shell, an ssh_config file or the registry. There are no regular expressions, because there may be thousands of
// targets to read before a connection can begin.
const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

	applicationPrefix = "app_"
	idLetters         = lower + digits + upper + "_-"
	longestID         = 64 // without its prefix
)

// madeOf reports whether a string has 1 to longest bytes, all of them allowed ones.
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
	rest, ok := strings.CutPrefix(s, applicationPrefix)
	return ok && madeOf(rest, idLetters, longestID)
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
	err := fmt.Errorf("%s is neither an application id (app_...) nor an instance id (a lower-case UUID)", quoted(s))
	if rest, ok := strings.CutPrefix(s, applicationPrefix); ok && len(rest) > longestID && madeOf(rest, idLetters, len(rest)) {
		err = fmt.Errorf("%w: it is too long", err)
	}
	return "", err
}

// IsUsual reports whether a target has the usual form of Clever Cloud's ids: a lower-case UUID, after app_ for an
// application.
func (t Target) IsUsual() bool { return isInstanceID(strings.TrimPrefix(string(t), applicationPrefix)) }

// IsInstance reports whether a target is an instance, not an application.
func (t Target) IsInstance() bool { return isInstanceID(string(t)) }

// Application returns the application with this instance's UUID.
func (t Target) Application() Target { return applicationPrefix + t }

// ConsoleHost is the host of Clever Cloud's console, served over https.
const ConsoleHost = "console.clever-cloud.com"

// ParseConsoleURL returns the application whose page in Clever Cloud's console has this URL:
// /organisations/ID/applications/ID, /users/me/applications/ID and anything below them, or /goto/ID, which
// clever-tools prints.
func ParseConsoleURL(s string) (Target, error) {
	if u, err := url.Parse(s); err == nil && u.Scheme == "https" && u.Host == ConsoleHost && u.User == nil {
		path := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
		id := ""
		switch {
		case len(path) == 2 && path[0] == "goto":
			id = path[1]
		case len(path) >= 4 && (path[0] == "organisations" || path[0] == "users") && path[2] == "applications":
			id = path[3]
		}
		if isApplicationID(id) {
			return Target(id), nil
		}
	}
	return "", fmt.Errorf("%s is not an application's page in https://%s", quoted(s), ConsoleHost)
}

// longestQuote is how many characters of a text an error shows.
const longestQuote = 60

// quoted prepares a text for an error, and marks it if it was cut.
func quoted(s string) string { return quote.Short(s, longestQuote) }

// longestName is how many characters a name may have.
const longestName = 63

// ParseName accepts 1 to 63 lower-case letters, digits, ".", "_" or "-". The first must be a letter or a digit. A
// name may not itself be a target or end in ".run".
func ParseName(s string) (Name, error) {
	switch {
	case !madeOf(s, lower+digits+"._-", longestName) || strings.IndexByte("._-", s[0]) >= 0:
		return "", fmt.Errorf("%s is not a valid name: use 1 to 63 lower-case letters, digits, '.', '_' or '-', starting with a letter or digit", quoted(s))
	case isTarget(s):
		return "", fmt.Errorf("%s is not a valid name: it is the id of an application or instance", quoted(s))
	case strings.HasSuffix(s, runLabel):
		return "", fmt.Errorf("%s is not a valid name: the ending %s is reserved for run aliases", quoted(s), runLabel)
	}
	return Name(s), nil
}
