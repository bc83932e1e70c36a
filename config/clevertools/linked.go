package clevertools

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// Application is one that a folder is linked to, under the name to register it with.
type Application struct {
	Name   config.Name
	Target config.Target
}

// maxApplications is more than anybody links to a folder; a file with more means harm.
const maxApplications = 100

// Links is what a .clever.json links a folder to.
type Links struct {
	Path         string // of the file; empty if none was used
	Applications []Application
	Nameless     []config.Target // those whose name has nothing to make a label from
	Skipped      []error         // the files and entries that were not used, and why
}

// Linked returns what a folder is linked to, by the .clever.json in it or else by the one in the nearest folder
// above. Anybody may have made such a file. So it counts only if it and its folder belong to the account or to root,
// and not everybody can write there. The search ends at a folder that belongs to somebody else: a folder above it is
// not a project of the account's.
//
// $APP_CONFIGURATION_FILE names another file, as it does for clever-tools: the search is then for its name, from its
// folder.
func Linked(dir string, account int) (l Links) {
	path := os.Getenv("APP_CONFIGURATION_FILE")
	if path == "" {
		path = ".clever.json"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		l.skip(err)
		return l
	}
	read := func(path string, most int64) ([]byte, error) { return atomicfile.ReadShared(path, most, account) }
	for folder, base := filepath.Dir(path), filepath.Base(path); ; folder = filepath.Dir(folder) {
		path = filepath.Join(folder, base)
		text, err := readFile(path, read)
		access := new(atomicfile.AccessError)
		switch {
		case err == nil:
			l.parse(path, text)
			return l
		case errors.As(err, &access):
			l.skip(passedOver(path, access))
			return l
		case !errors.Is(err, fs.ErrNotExist) && !unseen(path):
			// This is the file that is meant, even if it is of no use: the next one above belongs to another project.
			l.skip(err)
			return l
		case atomicfile.SharedFolder(folder, account) != nil, folder == filepath.Dir(folder):
			return l
		}
	}
}

func (l *Links) skip(err error) { l.Skipped = append(l.Skipped, err) }

// passedOver says why a file that others could have made was ignored.
func passedOver(path string, e *atomicfile.AccessError) error {
	what := "it"
	if e.Path != path {
		what = "its folder"
	}
	if e.Foreign() {
		return fmt.Errorf("%s was ignored: %s belongs to somebody else", quote.Line(path), what)
	}
	return fmt.Errorf("%s was ignored: anyone can write to %s", quote.Line(path), what)
}

// unseen reports whether the folder of a path does not even show whether there is such a file.
func unseen(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrPermission)
}

// parse adds what the text of a .clever.json links. Without "apps" that is nothing, as in clever-tools.
func (l *Links) parse(path string, text []byte) {
	var entries []json.RawMessage
	err := checkJSON(text)
	if err == nil {
		err = member(text, "apps", &entries)
	}
	if err == nil && len(entries) > maxApplications {
		err = fmt.Errorf("it links more than %d applications", maxApplications)
	}
	if err != nil {
		l.skip(fmt.Errorf("%s: %w", quote.Line(path), err))
		return
	}
	l.Path = path
	targets := map[config.Name][]config.Target{} // different ones
	first := map[config.Name]int{}
	for i, entry := range entries {
		app, err := parseEntry(entry)
		switch known := targets[app.Name]; {
		case err != nil:
			l.skip(fmt.Errorf("%s: apps[%d]: %w", quote.Line(path), i, err))
		case slices.Contains(known, app.Target):
		case app.Name == "":
			targets[""] = append(known, app.Target)
			l.Nameless = append(l.Nameless, app.Target)
		case known != nil: // neither is more right than the other
			targets[app.Name] = append(known, app.Target)
			l.skip(fmt.Errorf("%s: apps[%d] and apps[%d] are different applications with the same name, %q", quote.Line(path), first[app.Name], i, app.Name))
			l.Applications = slices.DeleteFunc(l.Applications, func(a Application) bool { return a.Name == app.Name })
		default:
			targets[app.Name], first[app.Name] = []config.Target{app.Target}, i
			l.Applications = append(l.Applications, app)
		}
	}
}

// parseEntry reads one of the applications. The alias is its name: a person chose or saw it, so it is used unchanged
// or not at all. Only without an alias does the application's name become the name. The name is empty if that fails.
func parseEntry(entry json.RawMessage) (Application, error) {
	var id, alias, name string
	if err := cmp.Or(member(entry, "app_id", &id), member(entry, "alias", &alias), member(entry, "name", &name)); err != nil {
		return Application{}, err
	}
	if id == "" {
		return Application{}, errors.New("it has no app_id")
	}
	target, err := config.ParseTarget(bounded(id))
	if err != nil {
		return Application{}, fmt.Errorf("its app_id: %w", err)
	}
	if !strings.HasPrefix(id, "app_") {
		return Application{}, fmt.Errorf("its app_id: %q is not an application id", id)
	}
	if alias == "" {
		label, err := config.MakeName(name)
		if err != nil {
			err = fmt.Errorf("its name %w", err)
		}
		return Application{label, target}, err
	}
	// clever-tools keeps upper case in an alias; ssh_config matches in lower case. Only ASCII changes:
	// strings.ToLower turns the Kelvin sign into a k. Errors quote the alias as the file has it.
	lower := strings.Map(asciiLower, alias)
	label, err := config.ParseName(bounded(lower))
	switch {
	case err != nil && alias != lower:
		return Application{}, fmt.Errorf("its alias %q: %w", bounded(alias), err)
	case err != nil:
		return Application{}, fmt.Errorf("its alias: %w", err)
	}
	return Application{label, target}, nil
}

func asciiLower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// bounded cuts a text that is too long for a target or a name, but leaves it too long, so that an error that quotes
// it fits the screen.
func bounded(s string) string { return s[:min(len(s), 80)] }
