package main

import (
	"errors"
	"fmt"
	"strings"

	"clever-ssh/config"
)

// The arguments of setup, NAME=TARGET or TARGET, and what was probably meant where they are neither.

// addArguments asks for the names and the targets of a command line.
func (r *request) addArguments(args []string) error {
	for _, arg := range args {
		name, target, named := cutPair(arg)
		if !named {
			t, err := parseTyped(arg)
			if err != nil {
				return r.adviseOnArgument(err, arg, args)
			}
			r.targets = append(r.targets, t)
			r.doubt("", t)
			continue
		}
		n, nameErr := config.ParseName(strings.TrimSuffix(name, "."+r.edit.Suffix)) // or the alias that it is to be
		t, err := parseTyped(target)
		switch {
		case nameErr != nil:
			return r.adviseOnPair(nameErr, name, target)
		case target == "":
			return hint(fmt.Errorf("%s is given no target", n), adviceOnIDs)
		case err != nil:
			return r.adviseOnPair(err, name, target)
		}
		if err := r.name(n, t); err != nil {
			return err
		}
		r.doubt(n, t)
	}
	return nil
}

// cutPair takes NAME=TARGET apart. An URL may hold a = of its own.
func cutPair(arg string) (name, target string, named bool) {
	if name, target, named = strings.Cut(arg, "="); strings.Contains(name, "://") {
		return "", "", false
	}
	return name, target, named
}

// parseTyped reads a target as a person types or pastes it: an id, or the address of an application's page in the console.
func parseTyped(s string) (config.Target, error) {
	if strings.Contains(s, "://") {
		return config.ParseConsoleURL(s)
	}
	t, err := config.ParseTarget(s)
	if err != nil && hasDots(s) {
		err = fmt.Errorf("%.60q is not a whole id: the dots stand for the rest of it", s)
	}
	return t, err
}

// hasDots tells whether an id was copied from help or documentation, which leave out most of it.
func hasDots(s string) bool { return strings.Contains(s, "...") || strings.Contains(s, "…") }

// nearTarget is the target that is left of a text without the suffix of an alias and without capitals, empty if none is.
func (r *request) nearTarget(s string) config.Target {
	for _, near := range []string{s, strings.TrimSuffix(s, "."+r.edit.Suffix), strings.ToLower(strings.TrimSuffix(s, "."+r.edit.Suffix))} {
		if t, err := parseTyped(near); err == nil {
			return t
		}
	}
	return ""
}

// nearName is the same for a name.
func (r *request) nearName(s string) config.Name {
	n, _ := config.ParseName(strings.ToLower(strings.TrimSuffix(s, "."+r.edit.Suffix)))
	return n
}

// naming is the command that registers a name.
func (r *request) naming(n config.Name, t config.Target) string {
	return "clever-ssh setup " + suffixFlag(r.edit.Suffix) + string(n) + "=" + string(t)
}

// adviseOnPair tells what two words around a = may have been meant for.
func (r *request) adviseOnPair(err error, name, target string) error {
	if n, t := r.nearName(name), r.nearTarget(target); n != "" && t != "" {
		return hint(err, "type: "+r.naming(n, t))
	}
	if n, t := r.nearName(target), r.nearTarget(name); n != "" && t != "" {
		return hint(errors.New("the name goes before the =, and the id after it"), "type: "+r.naming(n, t))
	}
	return hint(err, adviceOnIDs)
}

// adviseOnArgument tells what an argument that is no target may have been meant for.
func (r *request) adviseOnArgument(err error, arg string, args []string) error {
	if t := r.nearTarget(arg); t != "" {
		return hint(err, fmt.Sprintf("an id needs no registration; type: ssh %s.%s", t, r.edit.Suffix))
	}
	name := r.nearName(arg)
	if name == "" || hasDots(arg) {
		return hint(err, adviceOnIDs)
	}
	for _, other := range args { // it may be the name of another
		if t := r.nearTarget(strings.TrimPrefix(other, "=")); t != "" {
			return hint(err, "type: "+r.naming(name, t))
		}
	}
	return hint(err, "to register a name: "+r.naming(name, "app_..."), adviceOnIDs)
}

// doubt notes what is odd about an id that Clever Cloud may have given. It is taken all the same: the gateway is the judge.
func (r *request) doubt(n config.Name, t config.Target) {
	switch {
	case !t.IsUsual():
		err := fmt.Errorf("%s is not app_ and a UUID, as Clever Cloud's ids are: was it cut?", t)
		if n != "" {
			err = hint(err, "with the whole id: "+r.correcting(n, "app_..."))
		}
		r.doubts = append(r.doubts, err)
	case t.IsInstance():
		try := fmt.Sprintf("type: ssh %s.%s", t.Application(), r.edit.Suffix)
		if n != "" {
			try = r.correcting(n, t.Application())
		}
		r.doubts = append(r.doubts, hint(fmt.Errorf("%s stands for an instance, which the next deployment replaces", t), "if it is an application's id, app_ is missing: "+try))
	}
}

// correcting is the command that gives a name another target.
func (r *request) correcting(n config.Name, t config.Target) string {
	return strings.Replace(r.naming(n, t), "setup ", "setup --replace ", 1)
}
