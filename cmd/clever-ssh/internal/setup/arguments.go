package setup

import (
	"errors"
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// The arguments of setup, NAME=TARGET or TARGET, and what was probably meant where they are neither.

// AddArguments asks for the names and the targets of a command line.
func (r *Request) AddArguments(args []string) error {
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
		n, nameErr := config.ParseName(strings.TrimSuffix(name, "."+r.Edit.Suffix)) // or the alias that it is to be
		t, err := parseTyped(target)
		switch {
		case nameErr != nil:
			return r.adviseOnPair(nameErr, name, target)
		case target == "":
			return ui.Hint(fmt.Errorf("%s is given no target", n), ui.WhereIDsAre)
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
func (r *Request) nearTarget(s string) config.Target {
	for _, near := range []string{s, strings.TrimSuffix(s, "."+r.Edit.Suffix), strings.ToLower(strings.TrimSuffix(s, "."+r.Edit.Suffix))} {
		if t, err := parseTyped(near); err == nil {
			return t
		}
	}
	return ""
}

// nearName is the same for a name.
func (r *Request) nearName(s string) config.Name {
	n, _ := config.ParseName(strings.ToLower(strings.TrimSuffix(s, "."+r.Edit.Suffix)))
	return n
}

// naming is the command that registers a name.
func (r *Request) naming(n config.Name, t config.Target) string {
	return "clever-ssh setup " + ui.SuffixFlag(r.Edit.Suffix) + string(n) + "=" + string(t)
}

// adviseOnPair tells what two words around a = may have been meant for.
func (r *Request) adviseOnPair(err error, name, target string) error {
	if n, t := r.nearName(name), r.nearTarget(target); n != "" && t != "" {
		return ui.Hint(err, "type: "+r.naming(n, t))
	}
	if n, t := r.nearName(target), r.nearTarget(name); n != "" && t != "" {
		return ui.Hint(errors.New("the name goes before the =, and the id after it"), "type: "+r.naming(n, t))
	}
	return ui.Hint(err, ui.WhereIDsAre)
}

// adviseOnArgument tells what an argument that is no target may have been meant for.
func (r *Request) adviseOnArgument(err error, arg string, args []string) error {
	if t := r.nearTarget(arg); t != "" {
		return ui.Hint(err, fmt.Sprintf("an id needs no registration; type: ssh %s.%s", t, r.Edit.Suffix))
	}
	name := r.nearName(arg)
	if name == "" || hasDots(arg) {
		return ui.Hint(err, ui.WhereIDsAre)
	}
	for _, other := range args { // it may be the name of another
		if t := r.nearTarget(strings.TrimPrefix(other, "=")); t != "" {
			return ui.Hint(err, "type: "+r.naming(name, t))
		}
	}
	return ui.Hint(err, "to register a name: "+r.naming(name, "app_..."), ui.WhereIDsAre)
}

// doubt notes what is odd about an id that Clever Cloud may have given. It is taken all the same: the gateway is the judge.
func (r *Request) doubt(n config.Name, t config.Target) {
	switch {
	case !t.IsUsual():
		err := fmt.Errorf("%s is not app_ and a UUID, as Clever Cloud's ids are: was it cut?", t)
		if n != "" {
			err = ui.Hint(err, "with the whole id: "+r.correcting(n, "app_..."))
		}
		r.doubts = append(r.doubts, err)
	case t.IsInstance():
		try := fmt.Sprintf("type: ssh %s.%s", t.Application(), r.Edit.Suffix)
		if n != "" {
			try = r.correcting(n, t.Application())
		}
		r.doubts = append(r.doubts, ui.Hint(fmt.Errorf("%s stands for an instance, which the next deployment replaces", t), "if it is an application's id, app_ is missing: "+try))
	}
}

// correcting is the command that gives a name another target.
func (r *Request) correcting(n config.Name, t config.Target) string {
	return strings.Replace(r.naming(n, t), "setup ", "setup --replace ", 1)
}
