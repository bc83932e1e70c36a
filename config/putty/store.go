package putty

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Store is where PuTTY keeps its saved sessions.
type Store interface {
	// Where returns where a session is, for messages.
	Where(name string) string

	// List returns the names of the saved sessions, as far as an alias can have them. Names that differ only in case
	// may be the same session to Read.
	List() ([]string, error)

	// Read returns the settings of a saved session, or nil if there is no such session.
	Read(name string) (Settings, error)

	// Write saves a session, makes whatever is missing above it, and replaces a session with the same name.
	// Afterwards it has all of the new settings and no others.
	Write(name string, s Settings) error

	// Remove removes a session. It may be gone already.
	Remove(name string) error

	// Used reports whether the place exists: PuTTY has been used.
	Used() bool

	// Missing returns how many of the folders around a session, the innermost ones, do not exist.
	Missing() int

	// Sweep removes what a killed Write left behind.
	Sweep() error

	// Tidy does that too, and then removes up to made of the innermost folders around the sessions, as far as they
	// are empty.
	Tidy(made int) error
}

// Change is what happens to a saved session. Nil means that there is no session.
type Change struct {
	Name     string
	Old, New Settings
}

// Changes are all changes to a store.
type Changes struct {
	Store   Store
	List    []Change
	Wanted  []string // the names of our sessions that will be there
	Foreign []string // wanted, but already there and not ours
	Left    []string // no longer wanted, and still there because they are not ours

	made int // how many of the folders around the sessions had to be made
}

// Plan compares a store with the sessions wanted in it: these shall be there as ours, and no others of ours. If no
// sessions are wanted, ours go. Ours are those that come from these settings, the path of a clever-ssh.toml. Known
// are the names that were wanted before.
func Plan(store Store, settings string, wanted []Session, known []string) (*Changes, error) {
	c := &Changes{Store: store, made: store.Missing()}
	ours := func(s Settings) bool { return s.Ours() && s[source] == settings }
	names, err := store.List()
	if err != nil {
		return nil, err
	}
	old := map[string]Settings{}
	for _, name := range names {
		if old[name], err = store.Read(name); err != nil {
			return nil, err
		}
		if s := old[name]; ours(s) && s[made] != nil {
			n, _ := strconv.Atoi(fmt.Sprint(s[made]))
			c.made = max(0, n)
		}
	}
	for _, s := range wanted {
		before, listed := old[s.Name]
		if !listed {
			if before, err = store.Read(s.Name); err != nil {
				return nil, err
			}
		}
		now := maps.Clone(s.Settings)
		now[made], now[source] = c.made, settings
		now = now.sealed()
		delete(old, s.Name)
		if before != nil && !ours(before) {
			c.Foreign = append(c.Foreign, s.Name)
			continue
		}
		c.Wanted = append(c.Wanted, s.Name)
		if before[seal] != now[seal] {
			c.List = append(c.List, Change{s.Name, before, now})
		}
	}
	for _, name := range names {
		switch s := old[name]; {
		case ours(s):
			c.List = append(c.List, Change{Name: name, Old: s})
		case s != nil && slices.Contains(known, name):
			c.Left = append(c.Left, name)
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

// UndoError says that a session was changed and could not be restored.
type UndoError struct {
	Name string
	Err  error
}

func (e *UndoError) Error() string {
	return fmt.Sprintf("and PuTTY's session %s could not be restored: %v", e.Name, e.Err)
}
func (e *UndoError) Unwrap() error { return e.Err }

// CarryOut makes the changes and then calls then. If anything fails, then included, it takes everything back.
func (c *Changes) CarryOut(then func() error) (err error) {
	if c.Store == nil {
		return then()
	}
	if err := c.Store.Sweep(); err != nil {
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
		c.Store.Tidy(c.made)
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
	if len(c.Wanted) == 0 && len(c.List) > 0 {
		c.Store.Tidy(c.made) // what remains is empty
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
		return fmt.Errorf("it has just been changed by another program")
	}
	if c.New == nil {
		return store.Remove(c.Name)
	}
	return store.Write(c.Name, c.New)
}
