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
	"unicode"
	"unicode/utf8"

	"clever-ssh/config"
)

// Application is one that a folder is linked to, under the name that it is to be registered with.
type Application struct {
	Name   config.Name
	Target config.Target
}

// maxApplications is more than anybody links to a folder; a file with more is there to do harm.
const maxApplications = 100

// Linked returns the applications that a folder is linked to: those of the .clever.json in it, or else in the
// nearest folder above. The path is that of the file, empty if there is none; nameless are the applications whose
// name holds nothing that a label could be made of. On an error nothing of the file is returned: a file that is
// partly wrong may be wrong in the rest, too.
//
// $APP_CONFIGURATION_FILE names another file, as it does for clever-tools: the search then is for its name, from its folder.
func Linked(dir string) (path string, apps []Application, nameless []config.Target, err error) {
	path = os.Getenv("APP_CONFIGURATION_FILE")
	if path == "" {
		path = ".clever.json"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", nil, nil, err
	}
	for folder, base := filepath.Dir(path), filepath.Base(path); ; folder = filepath.Dir(folder) {
		path = filepath.Join(folder, base)
		text, err := readFile(path)
		switch {
		case err == nil:
			if apps, nameless, err = parse(text); err != nil {
				return "", nil, nil, fmt.Errorf("%s: %w", shown(path), err)
			}
			return path, apps, nameless, nil
		case !errors.Is(err, fs.ErrNotExist) && !unseen(path):
			// It is the one that is meant, even if it is of no use: the next one above belongs to another project.
			return "", nil, nil, err
		case folder == filepath.Dir(folder):
			return "", nil, nil, nil
		}
	}
}

// unseen reports whether the folder of a path does not even tell whether there is such a file.
func unseen(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrPermission)
}

// parse reads the text of a .clever.json. Without "apps" there are none, as for clever-tools.
func parse(text []byte) (apps []Application, nameless []config.Target, err error) {
	if err := checkJSON(text); err != nil {
		return nil, nil, err
	}
	var entries []json.RawMessage
	if err := member(text, "apps", &entries); err != nil {
		return nil, nil, err
	}
	if len(entries) > maxApplications {
		return nil, nil, fmt.Errorf("it links more than %d applications", maxApplications)
	}
	seen := map[Application]bool{}
	first := map[config.Name]int{}
	for i, entry := range entries {
		app, err := parseEntry(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("apps[%d]: %w", i, err)
		}
		if seen[app] {
			continue
		}
		seen[app] = true
		if app.Name == "" {
			nameless = append(nameless, app.Target)
			continue
		}
		if j, taken := first[app.Name]; taken {
			return nil, nil, fmt.Errorf("apps[%d] and apps[%d] are different applications with one name, %q", j, i, app.Name)
		}
		first[app.Name] = i
		apps = append(apps, app)
	}
	return apps, nameless, nil
}

// parseEntry reads one of the applications. Its name is the alias, which a person has chosen or seen and so is
// taken as it is or not at all; only without one is it made of the application's name. It is empty if that was in vain.
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
		return Application{}, fmt.Errorf("its app_id: %q is not the id of an application", id)
	}
	if alias == "" {
		label, err := makeLabel(name)
		return Application{label, target}, err
	}
	// clever-tools keeps upper case in an alias, ssh_config matches without it. Only ASCII: strings.ToLower makes a k
	// of the Kelvin sign.
	label, err := config.ParseName(bounded(strings.Map(asciiLower, alias)))
	if err != nil {
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

// bounded cuts what is too long for a target or a name, and still is afterwards, so that an error which quotes it
// fits the screen.
func bounded(s string) string { return s[:min(len(s), 80)] }

// latin gives letters of Western European languages without their accents. Package unicode knows no decomposition.
var latin = [...]struct{ letters, plain string }{
	{"àáâãäå", "a"}, {"æ", "ae"}, {"ç", "c"}, {"ð", "d"}, {"èéêë", "e"}, {"ìíîï", "i"}, {"ñ", "n"}, {"òóôõöø", "o"},
	{"œ", "oe"}, {"ß", "ss"}, {"þ", "th"}, {"ùúûü", "u"}, {"ýÿ", "y"},
}

// makeLabel makes a valid name of an application's name, which may be any text: "Café du Nord" comes to
// "cafe-du-nord". What cannot have been typed as a name is an error.
func makeLabel(name string) (config.Name, error) {
	// json writes U+FFFD for what is not UTF-8.
	if strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsRune(name, utf8.RuneError) {
		return "", fmt.Errorf("its name %.64q holds control characters or is not valid UTF-8", name)
	}
	var b []byte
	for _, r := range name {
		r = unicode.ToLower(r)
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '_':
			b = append(b, byte(r))
		case unicode.Is(unicode.Mn, r): // an accent that stands apart from its letter, as macOS writes it
		default:
			in := func(l struct{ letters, plain string }) bool { return strings.ContainsRune(l.letters, r) }
			if i := slices.IndexFunc(latin[:], in); i >= 0 {
				b = append(b, latin[i].plain...)
			} else if len(b) > 0 && b[len(b)-1] != '-' {
				b = append(b, '-')
			}
		}
	}
	const edge = "-._"
	label := strings.Trim(string(b), edge)
	label = strings.TrimRight(label[:min(len(label), 63)], edge)
	if n, err := config.ParseName(label); err == nil {
		return n, nil
	}
	// "app_back" has the form of an id, and "web.run" that of a run alias. With hyphens they have not; what still has, a
	// UUID, would hide the instance of that id.
	n, _ := config.ParseName(strings.NewReplacer("_", "-", ".", "-").Replace(label))
	return n, nil
}
