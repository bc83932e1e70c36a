package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"clever-ssh/internal/atomicfile"
)

// The names from the account have a file of their own next to clever-ssh.toml: setup rewrites all of them each time,
// and nobody edits them. The file holds the names as the account last had them, so they work without a network. A
// name that a person chose takes precedence over them.

// UseAccount says whether the account's applications are registered. It is empty until somebody decides.
type UseAccount string

// The values of UseAccount.
const (
	AccountYes UseAccount = "yes"
	AccountNo  UseAccount = "no"
)

// ParseUseAccount reads "yes" or "no".
func ParseUseAccount(s string) (UseAccount, error) {
	switch u := UseAccount(s); u {
	case AccountYes, AccountNo:
		return u, nil
	}
	return "", fmt.Errorf("account must be yes or no, not %q", s)
}

// AccountName is the name of one of the account's applications.
type AccountName struct {
	Name         Name
	Target       Target
	Organisation string // the name of its owner, which may be any text

	// Gone says that the account no longer has this application, while another application asks for its name. The
	// name then stands for nothing, and the other application does not get it until a person says so.
	Gone bool
}

// accountMarker is the first line of the file.
const accountMarker = "# Written by clever-ssh setup: the applications of your account. Do not edit: run `clever-ssh setup` again."

// gone marks an application that the account no longer has.
const gone = "gone"

// AccountFile returns the path of the file with the names from the account, given the path of clever-ssh.toml.
func AccountFile(path string) string {
	return filepath.Join(filepath.Dir(path), "clever-ssh.account")
}

// FormatAccount writes the names from the account, one per line. It returns nil if there are none.
func FormatAccount(list []AccountName) []byte {
	if len(list) == 0 {
		return nil
	}
	b := []byte(accountMarker + "\n")
	for _, n := range list {
		if n.Gone {
			b = fmt.Appendf(b, "%s %s %s\n", n.Name, n.Target, gone)
		} else {
			b = fmt.Appendf(b, "%s %s %s\n", n.Name, n.Target, strconv.Quote(n.Organisation))
		}
	}
	return b
}

// ParseAccount reads what FormatAccount wrote. It skips lines that it does not understand: the next setup replaces
// them.
func ParseAccount(text []byte) (list []AccountName) {
	seen := map[string]bool{}
	for line := range bytes.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		target, owner, _ := strings.Cut(rest, " ")
		n, errName := ParseName(name)
		if errName != nil || !isApplicationID(target) || seen[name] {
			continue
		}
		entry := AccountName{Name: n, Target: Target(target), Gone: owner == gone}
		if !entry.Gone {
			var err error
			if entry.Organisation, err = strconv.Unquote(owner); err != nil {
				continue
			}
		}
		seen[name] = true
		list = append(list, entry)
	}
	return list
}

// readAccount reads the names from the account. Whoever can write to the file decides where a name leads, so it must
// be as trustworthy as clever-ssh.toml.
func readAccount(path string) ([]AccountName, error) {
	text, err := atomicfile.ReadOwn(path, maxFile)
	if err != nil {
		return nil, err
	}
	return ParseAccount(text), nil
}

// SetAccount adds the names from the account to the configuration, if the configuration wants them. They belong to
// the built-in suffix.
func (c *Config) SetAccount(list []AccountName) {
	if c.Account != AccountYes {
		return
	}
	c.AccountNames, c.fromAccount = list, map[Name]AccountName{}
	names := c.Gateways[0].Names
	for _, n := range list {
		if _, chosen := names[n.Name]; !chosen && !n.Gone {
			names[n.Name], c.fromAccount[n.Name] = n.Target, n
		}
	}
}

// FromAccount returns the account's entry for a name, if the name comes from the account and no person chose it.
func (c *Config) FromAccount(g *Gateway, n Name) (entry AccountName, ok bool) {
	entry, ok = c.fromAccount[n]
	return entry, ok && g == c.Gateways[0]
}
