package putty

import (
	"fmt"
	"slices"
	"strings"
)

// Store is where PuTTY keeps its saved sessions.
type Store interface {
	// Where says where a session is, for messages.
	Where(name string) string

	// List returns the names of the saved sessions, as far as an alias can have them. Names that differ in case alone may be
	// the same session to Read.
	List() ([]string, error)

	// Read returns the settings of a saved session, nil where there is none.
	Read(name string) (Settings, error)

	// Write saves a session, with what is missing above it, in the place of one of that name. All of the new
	// settings are there afterwards, and no other.
	Write(name string, s Settings) error

	// Remove removes a session, which may be gone already.
	Remove(name string) error

	// Used reports whether the place is there: PuTTY has been used.
	Used() bool

	// Tidy removes what a killed Write has left, and the place as far as it is empty: PuTTY makes it again when it saves
	// something.
	Tidy() error
}

// Change is what is to become of a saved session. Nil means that there is none.
type Change struct {
	Name     string
	Old, New Settings
}

// Changes are all that is to be changed in a store.
type Changes struct {
	Store   Store
	List    []Change
	Wanted  []string // the names of the sessions that will be there, as ours
	Foreign []string // wanted, but there already and not ours
}

// Plan compares a store with the sessions that are wanted in it: ours, and no others of ours. No sessions wanted: ours go.
func Plan(store Store, wanted []Session) (*Changes, error) {
	c := &Changes{Store: store}
	names, err := store.List()
	if err != nil {
		return nil, err
	}
	old := map[string]Settings{}
	for _, name := range names {
		if old[name], err = store.Read(name); err != nil {
			return nil, err
		}
	}
	for _, s := range wanted {
		before, listed := old[s.Name]
		if !listed {
			if before, err = store.Read(s.Name); err != nil {
				return nil, err
			}
		}
		now := s.Settings.sealed()
		delete(old, s.Name)
		if before != nil && !before.Ours() {
			c.Foreign = append(c.Foreign, s.Name)
			continue
		}
		c.Wanted = append(c.Wanted, s.Name)
		if before[seal] != now[seal] {
			c.List = append(c.List, Change{s.Name, before, now})
		}
	}
	for _, name := range names {
		if s := old[name]; s.Ours() {
			c.List = append(c.List, Change{Name: name, Old: s})
		}
	}
	return c, nil
}

// Error says which session could not be written or removed.
type Error struct {
	Name string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("PuTTY's session %s: %v", e.Name, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// UndoError says that a session was changed and could not be put back.
type UndoError struct {
	Name string
	Err  error
}

func (e *UndoError) Error() string {
	return fmt.Sprintf("and PuTTY's session %s could not be put back: %v", e.Name, e.Err)
}
func (e *UndoError) Unwrap() error { return e.Err }

// CarryOut makes the changes and calls then. All is taken back if anything fails, then included.
func (c *Changes) CarryOut(then func() error) (err error) {
	if len(c.List) == 0 {
		return then()
	}
	if err := c.Store.Tidy(); err != nil {
		return err
	}
	var done []Change
	defer func() {
		if err == nil {
			return
		}
		for _, d := range slices.Backward(done) {
			if failed := (Change{d.Name, d.New, d.Old}).carryOut(c.Store); failed != nil {
				err = fmt.Errorf("%w; %w", err, &UndoError{d.Name, failed})
			}
		}
		c.Store.Tidy()
	}()
	for _, one := range c.List {
		if err := one.carryOut(c.Store); err != nil {
			return &Error{one.Name, err}
		}
		done = append(done, one)
	}
	if err := then(); err != nil {
		return err
	}
	if len(c.Wanted) == 0 {
		c.Store.Tidy() // what stays is empty
	}
	return nil
}

// carryOut makes one change, unless somebody else was there first.
func (c Change) carryOut(store Store) error {
	now, err := store.Read(c.Name)
	if err != nil {
		return err
	}
	if (now == nil) != (c.Old == nil) || now.Text() != c.Old.Text() {
		return fmt.Errorf("it was changed by another program meanwhile")
	}
	if c.New == nil {
		return store.Remove(c.Name)
	}
	return store.Write(c.Name, c.New)
}

// parse reads settings as PuTTY does on Unix: a line without an equals sign is nothing. Numbers stay text: what a setting is,
// PuTTY decides by its name.
func parse(text []byte) Settings {
	s := Settings{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			s[key] = value
		}
	}
	return s
}
