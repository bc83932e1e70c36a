package putty

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"clever-ssh/internal/atomicfile"
)

// folder is PuTTY's store on Unix: a folder with a file for each session.
type folder struct {
	sessions string
	own      []string // what PuTTY would make for it, the innermost last
}

// plain is what a session may be called so that neither a file name nor a registry key of PuTTY's has an escape for it. All
// aliases are (PuTTY keeps letters, digits, and +-.@_ in file names, and more in the registry).
var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]*\z`) })

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

func (f folder) Read(name string) (Settings, error) {
	text, err := atomicfile.Read(f.Where(name))
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

func (f folder) Remove(name string) error { return atomicfile.Remove(f.Where(name)) }

func (f folder) Used() bool {
	_, err := os.Stat(f.own[0])
	return err == nil
}

func (f folder) Tidy() error {
	err := atomicfile.Sweep(f.sessions)
	atomicfile.RemoveFolders(f.own)
	return err
}
