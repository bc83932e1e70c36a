//go:build linux

package sftp

import (
	"os"
	"strconv"
	"strings"
)

// identities are the accounts of the instance, as its files name them.
type identities struct{ users, groups map[string]string } // by number

// home returns the home folder of an account; empty if there is no such account.
func home(name string) string {
	for _, fields := range table("/etc/passwd") {
		if len(fields) > 5 && fields[0] == name {
			return fields[5]
		}
	}
	return ""
}

func (i *identities) user(id uint32) string {
	if i.users == nil {
		i.users = names("/etc/passwd")
	}
	return named(i.users, id)
}

func (i *identities) group(id uint32) string {
	if i.groups == nil {
		i.groups = names("/etc/group")
	}
	return named(i.groups, id)
}

// named returns the name of a number, or else the number itself.
func named(names map[string]string, id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if name := names[number]; name != "" {
		return name
	}
	return number
}

func names(path string) map[string]string {
	names := map[string]string{}
	for _, fields := range table(path) {
		if len(fields) > 2 && names[fields[2]] == "" {
			names[fields[2]] = fields[0]
		}
	}
	return names
}

func table(path string) (rows [][]string) {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), ":"))
	}
	return rows
}
