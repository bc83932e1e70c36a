package putty

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"
)

// folder is PuTTY's store on Unix: a folder with a file for each session.
type folder struct {
	sessions string
	own      []string // the folders that PuTTY would make for it, the innermost last
}

// plain matches session names that PuTTY escapes neither as a file name nor as a registry key. All aliases match
// (PuTTY keeps letters, digits, and +-.@_ in file names, and more in the registry).
var plain = pattern.New(`\A[a-z0-9][a-z0-9._-]*\z`)

func (f folder) Where(name string) string { return filepath.Join(f.sessions, name) }

func (f folder) List() ([]string, error) {
	entries, err := os.ReadDir(f.sessions)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if plain().MatchString(e.Name()) && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// maxSize is larger than any session: PuTTY writes 10 kB.
const maxSize = 1 << 20

// Read returns empty settings, which are nobody's, for anything that clever-ssh cannot have written: not a file, too
// large, or not readable by this account. Such a thing must not get in the way of the others.
func (f folder) Read(name string) (Settings, error) {
	info, err := os.Stat(f.Where(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		return Settings{}, nil
	}
	text, err := atomicfile.Read(f.Where(name))
	if errors.Is(err, fs.ErrPermission) {
		return Settings{}, nil
	}
	if text == nil || err != nil {
		return nil, err
	}
	return parse(text), nil
}

func (f folder) Write(name string, s Settings) error {
	if _, err := atomicfile.MakeFolder(f.sessions); err != nil {
		return err
	}
	return atomicfile.WriteOne(f.Where(name), []byte(s.Text()))
}

func (f folder) Remove(name string) error { return atomicfile.RemoveOne(f.Where(name)) }

func (f folder) Used() bool {
	_, err := os.Stat(f.own[0])
	return err == nil
}

func (f folder) Missing() (n int) {
	for _, dir := range f.own {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			n++
		}
	}
	return n
}

func (f folder) Sweep() error { return atomicfile.Sweep(f.sessions) }

func (f folder) Tidy(made int) error {
	err := f.Sweep()
	atomicfile.RemoveFolders(f.own[max(0, len(f.own)-made):])
	return err
}

// parse reads settings as PuTTY does on Unix: it skips a line without an equals sign, and the first of two lines with
// the same name counts. Numbers stay text: PuTTY goes by the name of a setting to decide what it is.
func parse(text []byte) Settings {
	s := Settings{}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if _, twice := s[key]; ok && !twice {
			s[key] = value
		}
	}
	return s
}
