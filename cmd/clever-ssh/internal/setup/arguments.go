package setup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// AddArguments adds the arguments of a command line, each NAME=TARGET or TARGET. If one is neither, the error has a hint about what
// was probably meant, and the request stays as it was.
func (r *Request) AddArguments(args []string) error {
	added := *r
	added.Edit.Names = maps.Clone(r.Edit.Names)
	added.targets = slices.Clone(r.targets)
	added.doubts = slices.Clone(r.doubts)
	for _, arg := range args {
		var err error
		if name, target, named := cutPair(arg); named {
			err = added.addPair(name, target)
		} else {
			err = added.addTarget(arg, args)
		}
		if err != nil {
			return err
		}
	}
	*r = added
	return nil
}

// addTarget adds an argument that is only a target.
func (r *Request) addTarget(arg string, args []string) error {
	t, err := parseTyped(arg)
	if err != nil {
		return r.hintArgument(err, arg, args)
	}
	r.targets = append(r.targets, t)
	r.checkID("", t)
	return nil
}

// addPair adds a NAME=TARGET argument. The name may also be the whole alias.
func (r *Request) addPair(name, target string) error {
	n, nameErr := config.ParseName(strings.TrimSuffix(name, "."+r.Edit.Suffix))
	t, err := parseTyped(target)
	switch {
	case nameErr != nil:
		return r.hintPair(nameErr, name, target)
	case target == "":
		return ui.Hint(fmt.Errorf("no target is given for %s", n), ui.WhereIDsAre)
	case err != nil:
		return r.hintPair(err, name, target)
	}
	if err := r.addName(n, t); err != nil {
		return err
	}
	r.checkID(n, t)
	return nil
}

// cutPair splits NAME=TARGET. A URL may contain a = of its own.
func cutPair(arg string) (name, target string, named bool) {
	if name, target, named = strings.Cut(arg, "="); strings.Contains(name, "://") {
		return "", "", false
	}
	return name, target, named
}

// parseTyped reads a target as a person types or pastes it: an id, or the URL of an application's page in the console.
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

// hasDots reports whether an id was copied from help or documentation, which shorten ids.
func hasDots(s string) bool { return strings.Contains(s, "...") || strings.Contains(s, "…") }

// nearTarget returns the target that a text becomes in lower case and without an alias's suffix, or "" if that
// is none.
func (r *Request) nearTarget(s string) config.Target {
	label := strings.TrimSuffix(s, "."+r.Edit.Suffix)
	for _, near := range []string{s, label, strings.ToLower(label)} {
		if t, err := parseTyped(near); err == nil {
			return t
		}
	}
	return ""
}

// nearName is like nearTarget, for a name.
func (r *Request) nearName(s string) config.Name {
	n, _ := config.ParseName(strings.ToLower(strings.TrimSuffix(s, "."+r.Edit.Suffix)))
	return n
}

// namingCommand returns the command that registers a name.
func (r *Request) namingCommand(n config.Name, t config.Target) string {
	return "clever-ssh setup " + ui.SuffixFlag(r.Edit.Suffix) + string(n) + "=" + string(t)
}

// hintPair adds to an error what the two words around a = were probably meant to be.
func (r *Request) hintPair(err error, name, target string) error {
	if n, t := r.nearName(name), r.nearTarget(target); n != "" && t != "" {
		return ui.Hint(err, "type: "+r.namingCommand(n, t))
	}
	if n, t := r.nearName(target), r.nearTarget(name); n != "" && t != "" {
		return ui.Hint(errors.New("the name goes before the =, and the id after it"), "type: "+r.namingCommand(n, t))
	}
	return ui.Hint(err, ui.WhereIDsAre)
}

// hintArgument adds to an error what an argument that is not a target was probably meant to be.
func (r *Request) hintArgument(err error, arg string, args []string) error {
	if t := r.nearTarget(arg); t != "" {
		return ui.Hint(err, fmt.Sprintf("an id needs no registration; type: ssh %s.%s", t, r.Edit.Suffix))
	}
	name := r.nearName(arg)
	if name == "" || hasDots(arg) {
		return ui.Hint(err, ui.WhereIDsAre)
	}
	for _, other := range args { // perhaps a name and its target were typed as two words
		if t := r.nearTarget(strings.TrimPrefix(other, "=")); t != "" {
			return ui.Hint(err, "type: "+r.namingCommand(name, t))
		}
	}
	return ui.Hint(err, "to register a name: "+r.namingCommand(name, "app_..."), ui.WhereIDsAre)
}

// checkID notes a doubt about an id that does not look like one of Clever Cloud's. The id is used all the same:
// the gateway decides.
func (r *Request) checkID(n config.Name, t config.Target) {
	switch {
	case !t.IsUsual():
		err := fmt.Errorf("%s is not app_ followed by a UUID, as Clever Cloud's ids are: was it cut off?", t)
		if n != "" {
			err = ui.Hint(err, "with the whole id: "+r.replacingCommand(n, "app_..."))
		}
		r.doubts = append(r.doubts, err)
	case t.IsInstance():
		try := fmt.Sprintf("type: ssh %s.%s", t.Application(), r.Edit.Suffix)
		if n != "" {
			try = r.replacingCommand(n, t.Application())
		}
		r.doubts = append(r.doubts, ui.Hint(fmt.Errorf("%s is the id of an instance, which the next deployment replaces", t), "if it is an application's id, app_ is missing: "+try))
	}
}

// replacingCommand returns the command that gives a name another target.
func (r *Request) replacingCommand(n config.Name, t config.Target) string {
	return strings.Replace(r.namingCommand(n, t), "setup ", "setup --replace ", 1)
}
