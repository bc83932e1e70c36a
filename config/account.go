package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"clever-ssh/internal/atomicfile"
)

// The names from the account are kept in a file of their own beside clever-ssh.toml: setup writes them all each time, and a person
// edits none. They stand there as the account had them last, so that they work without a network. A name that a person chose wins
// over them.

// UseAccount is whether the account's applications are registered. It is empty as long as nobody has said.
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

	// Gone is whether the account no longer has this application, while another one asks for its name. The name stands for
	// nothing, and is not given to the other until a person says so.
	Gone bool
}

// accountMarker is the first line of the file.
const accountMarker = "# Written by clever-ssh setup: the applications of your account. Do not edit: run `clever-ssh setup` again."

// gone marks an application that the account no longer has.
const gone = "gone"

// AccountFile is where the names from the account are kept, given where clever-ssh.toml is.
func AccountFile(path string) string {
	return filepath.Join(filepath.Dir(path), "clever-ssh.account")
}

// FormatAccount writes names from the account, one a line; nil if there are none.
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

// ParseAccount reads what FormatAccount wrote. It passes over lines that it does not understand: the next setup replaces them.
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

// readAccount reads the names from the account. Whoever can write there decides where a name leads, so the file is trusted as
// clever-ssh.toml is.
func readAccount(path string) ([]AccountName, error) {
	text, err := atomicfile.ReadOwn(path)
	if err == nil && len(text) > maxFile {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return nil, err
	}
	return ParseAccount(text), nil
}

// SetAccount takes the names from the account into the configuration, if it wants them. They are the built-in suffix's.
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

// FromAccount returns the account's entry of a name, if it is from there and not one that a person chose.
func (c *Config) FromAccount(g *Gateway, n Name) (entry AccountName, ok bool) {
	entry, ok = c.fromAccount[n]
	return entry, ok && g == c.Gateways[0]
}
