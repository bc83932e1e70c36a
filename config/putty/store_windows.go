package putty

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/sys/windows/registry"
)

// root is where PuTTY keeps its sessions, below HKEY_CURRENT_USER.
const root = `Software\SimonTatham\PuTTY\Sessions`

// registryStore is PuTTY's store on Windows: a registry key for each session.
type registryStore struct{}

// NewStore returns the store of this user's PuTTY.
func NewStore() (Store, error) { return registryStore{}, nil }

func (registryStore) Where(name string) string { return `HKEY_CURRENT_USER\` + key(name) }

func key(name string) string { return root + `\` + name }

func (registryStore) List() ([]string, error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, root, registry.ENUMERATE_SUB_KEYS)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer k.Close()
	all, err := k.ReadSubKeyNames(-1)
	var names []string
	for _, name := range all {
		if plain().MatchString(name) {
			names = append(names, name)
		}
	}
	return names, err
}

func (registryStore) Read(name string) (Settings, error) {
	k, err := registry.OpenKey(registry.CURRENT_USER, key(name), registry.QUERY_VALUE)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer k.Close()
	names, err := k.ReadValueNames(-1)
	if err != nil {
		return nil, err
	}
	s := Settings{}
	for _, name := range names {
		text, kind, err := k.GetStringValue(name)
		switch {
		case err == nil && kind == registry.SZ:
			s[name] = text
		case kind == registry.DWORD:
			var number uint64
			number, _, err = k.GetIntegerValue(name)
			s[name] = int(number)
		default: // of a kind that neither PuTTY nor we write
			s[name], err = nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Write deletes the host name and the seal first and sets them last. In between, PuTTY cannot connect anywhere with
// only some of the settings, and until the end the session is not ours.
func (registryStore) Write(name string, s Settings) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, key(name), registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	there, err := k.ReadValueNames(-1)
	if err != nil {
		return err
	}
	last := []string{"HostName", seal}
	for _, name := range append(slices.Clone(last), there...) {
		if _, ok := s[name]; ok && !slices.Contains(last, name) {
			continue
		}
		if err := k.DeleteValue(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	others := slices.DeleteFunc(slices.Collect(maps.Keys(s)), func(name string) bool { return slices.Contains(last, name) })
	for _, name := range append(others, last...) {
		if err := set(k, name, s[name]); err != nil {
			return err
		}
	}
	return nil
}

// set sets one value. PuTTY reads a number only from a DWORD, and text only from a string.
func set(k registry.Key, name string, value any) error {
	if number, ok := value.(int); ok {
		return k.SetDWordValue(name, uint32(number))
	}
	text, _ := value.(string)
	return k.SetStringValue(name, text)
}

func (registryStore) Remove(name string) error {
	err := registry.DeleteKey(registry.CURRENT_USER, key(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (registryStore) Used() bool {
	k, err := registry.OpenKey(registry.CURRENT_USER, filepath.Dir(root), registry.QUERY_VALUE)
	if err == nil {
		k.Close()
	}
	return err == nil
}

// around returns the keys around a session, the innermost first.
func around() (keys []string) {
	for path := root; path != "Software"; path = filepath.Dir(path) {
		keys = append(keys, path)
	}
	return keys
}

func (registryStore) Missing() (n int) {
	for _, path := range around() {
		k, err := registry.OpenKey(registry.CURRENT_USER, path, registry.QUERY_VALUE)
		if errors.Is(err, fs.ErrNotExist) {
			n++
		} else if err == nil {
			k.Close()
		}
	}
	return n
}

func (registryStore) Sweep() error { return nil }

func (registryStore) Tidy(made int) error {
	for _, path := range around()[:min(made, len(around()))] {
		k, err := registry.OpenKey(registry.CURRENT_USER, path, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		info, err := k.Stat()
		k.Close()
		if err != nil || info.SubKeyCount > 0 || info.ValueCount > 0 {
			return err
		}
		if err := registry.DeleteKey(registry.CURRENT_USER, path); err != nil {
			return err
		}
	}
	return nil
}
