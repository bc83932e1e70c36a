package database

import (
	"fmt"
	"slices"
	"strings"
)

// SeveralError means that somebody has to choose.
type SeveralError struct{ Databases []*Database }

func (e *SeveralError) Error() string {
	return fmt.Sprintf("there are %d databases: %s; name one", len(e.Databases), names(e.Databases))
}

// NoneError means that there is no such database.
type NoneError struct {
	What  string // what is missing
	Found *Found
}

func (e *NoneError) Error() string {
	text := "the environment on the instance names no " + e.What
	if len(e.Found.Databases) > 0 {
		text += "; there is " + names(e.Found.Databases)
	}
	return text
}

// names lists the names of databases.
func names(list []*Database) string {
	var all []string
	for _, d := range list {
		all = append(all, d.Name)
	}
	return strings.Join(all, ", ")
}

// Choose returns the database with a name, the database that a variable of that name names, or the only one of
// that kind. Without a name it returns the only database, or the only one of a kind if one is given; it ignores
// those past the proxy. The error is a *SeveralError or a *NoneError.
func (f *Found) Choose(name string, kind Kind) (*Database, error) {
	if name != "" {
		for _, d := range f.Databases {
			if strings.EqualFold(d.Name, name) || slices.ContainsFunc(d.Variables, func(v string) bool { return isURL(v) && strings.EqualFold(v, name) }) {
				return d, nil
			}
		}
		stem := func(v string) bool { return isURL(v) && strings.EqualFold(v[:len(v)-len("_URL")], name) }
		for _, d := range f.Databases {
			if slices.ContainsFunc(d.Variables, stem) {
				return d, nil
			}
		}
		kind = Kind(strings.ToLower(name))
	}
	list := slices.DeleteFunc(slices.Clone(f.Databases), func(d *Database) bool { return d.Direct || kind != "" && d.Kind != kind })
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(list) > 1:
		return nil, &SeveralError{list}
	case name != "":
		return nil, &NoneError{fmt.Sprintf("database %.60q", name), f}
	case kind != "":
		return nil, &NoneError{string(kind) + " database", f}
	}
	return nil, &NoneError{"database", f}
}
