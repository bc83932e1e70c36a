package bridge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// chooser decides which of an application's instances the next session goes to.
//
// The chooser asks for an application by its own id until the gateway turns out to list several instances. It
// keeps that list, here and for later bridges, so that only the first command pays for the choice. Meanwhile
// instances come and go, so the chooser reads the list again in the background, and forgets any instance that a
// command could not enter.
type chooser struct {
	opener  *opener
	options Options
	reached atomic.Bool // an instance was entered or known; if none is there now, one may come soon

	work       sync.WaitGroup  // background work
	ctx        context.Context // for the refresh
	cancel     context.CancelFunc
	searching  context.Context // for the search
	stopSearch context.CancelFunc

	mu         sync.Mutex
	recalled   bool     // Memory was asked
	known      *Listing // nil if nothing is known
	gone       bool     // the gateway led to no instance
	search     *search  // under way, or nil
	refreshing bool
	announced  string // the id that Chosen was last told
}

const (
	// freshFor is how old a list may get before the chooser reads it again, in the background of a command.
	freshFor = time.Second
	// searchTime is how long to wait for the next instance of a deployment.
	searchTime = 10 * time.Second
	// searchPause is the pause between two looks at the list.
	searchPause = time.Second
	// refreshTime bounds work that nobody waits for.
	refreshTime = 5 * time.Second
)

func newChooser(o *opener) *chooser {
	c := &chooser{opener: o, options: o.options}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.searching, c.stopSearch = context.WithCancel(c.ctx)
	return c
}

// wait waits a while for background work: only later commands have a use for it.
func (c *chooser) wait(patience time.Duration) {
	c.stopSearch()
	timer := time.AfterFunc(patience, c.cancel)
	c.work.Wait()
	timer.Stop()
	c.cancel()
}

// targetOf returns the target that leads to an instance.
func (c *chooser) targetOf(i Instance) string {
	if i.Alone {
		return c.options.Target
	}
	return cmp.Or(i.ID, c.options.Target)
}

// entersApplication reports whether the target of an instance is the application.
func (c *chooser) entersApplication(i Instance) bool { return c.targetOf(i) == c.options.Target }

// decides reports whether there may be several instances and this bridge has to choose.
func (c *chooser) decides() bool {
	return c.options.Application && !(c.options.Ask && c.options.Instance == Unselected)
}

// choose returns the instance for the next session. The instance has no id if the gateway is to decide.
func (c *chooser) choose(ctx context.Context) (Instance, error) {
	if !c.decides() {
		return Instance{Number: NoNumber}, nil
	}
	c.mu.Lock()
	c.recall()
	var chosen []Instance
	stale, untried := false, c.known == nil && !c.gone
	if c.known != nil {
		age := time.Since(c.known.Time)
		chosen, stale = c.pick(c.known), age > freshFor || age < 0
	}
	c.mu.Unlock()
	switch {
	case len(chosen) > 0 && stale:
		c.refresh()
	case len(chosen) > 0:
	case untried && c.options.Instance == Unselected:
		return Instance{Number: NoNumber}, nil
	default:
		var err error
		if chosen, err = c.find(ctx); err != nil {
			return Instance{}, err
		}
	}
	c.announce(chosen[0])
	return chosen[0], nil
}

// announce tells the user which instance was chosen, if nobody named it and there are others.
func (c *chooser) announce(i Instance) {
	c.mu.Lock()
	named := c.options.Instance != Unselected && c.options.Instance != Any
	if c.options.Chosen == nil || named || i.ID == "" || i.ID == c.announced || c.known == nil || len(c.known.Instances) < 2 {
		c.mu.Unlock()
		return
	}
	c.announced = i.ID
	between := c.known.Instances
	c.mu.Unlock()
	c.options.Chosen(i, between)
}

// chooseAll returns the instances that are meant, from the list as it is now.
func (c *chooser) chooseAll(ctx context.Context) ([]Instance, error) {
	if !c.options.Application {
		return []Instance{{Number: NoNumber}}, nil
	}
	return c.find(ctx)
}

// recall asks Memory, once. The caller holds the mutex.
func (c *chooser) recall() {
	if c.recalled || c.options.Memory == nil {
		return
	}
	c.recalled = true
	if c.known = c.options.Memory.Recall(); c.known != nil {
		c.reached.Store(true)
	}
}

// stillChosen reports whether target would still be chosen. The list may have been read again since the choice.
func (c *chooser) stillChosen(target string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || c.options.Instance == All {
		return true
	}
	chosen := c.pick(c.known)
	return len(chosen) == 0 || c.targetOf(chosen[0]) == target
}

// pick chooses from a listing. The caller holds the mutex.
func (c *chooser) pick(l *Listing) []Instance {
	chosen := c.options.Instance.Choose(l.Instances)
	if len(chosen) == 0 {
		return nil
	}
	if c.options.Instance == Unselected {
		if at := slices.IndexFunc(chosen, func(i Instance) bool { return i.ID == l.Chosen }); at >= 0 {
			chosen[0] = chosen[at]
		}
		l.Chosen = chosen[0].ID
	}
	return chosen
}

// note records a list.
func (c *chooser) note(list []Instance) (chosen []Instance) {
	c.mu.Lock()
	c.recall()
	l := &Listing{Time: time.Now(), Instances: list}
	if c.known != nil {
		l.Chosen = c.known.Chosen
	}
	c.known, c.gone = l, false
	chosen = c.pick(l)
	known := *l
	c.mu.Unlock()
	if c.options.Memory != nil {
		c.options.Memory.Remember(known)
	}
	return chosen
}

// learn records the instances that an attempt to enter the application has found. It reports whether the
// attempt found a list and this bridge has to choose.
func (c *chooser) learn(entered Instance, err error) bool {
	question := new(QuestionError)
	if !errors.As(err, &question) || question.Ended || !understood(question.Instances) || !c.decides() || !c.entersApplication(entered) {
		return false
	}
	c.reached.Store(true)
	c.note(question.Instances)
	return true
}

// forget forgets an instance that could not be entered. It reports whether another choice may help.
func (c *chooser) forget(entered Instance, err error) bool {
	refused, closed := new(RefusedError), new(ClosedError)
	isRefused := errors.As(err, &refused)
	if !c.options.Application || !isRefused && !(errors.As(err, &closed) && closed.Err == nil) && !errors.As(err, new(*SilentError)) {
		return false
	}
	if c.entersApplication(entered) && !(isRefused && c.reached.Load()) {
		return false
	}
	c.mu.Lock()
	c.known, c.gone = nil, isRefused && c.entersApplication(entered)
	c.mu.Unlock()
	if c.options.Memory != nil {
		c.options.Memory.Forget()
	}
	return !errors.As(err, new(*SilentError)) // a *SilentError has taken long enough
}

// passedBy notes that a command reached an outpost directly, so that the gateway had no chance to list the
// instances. It asks the gateway in the background: the line may lead to an instance that is about to go.
func (c *chooser) passedBy(target string) {
	if !c.decides() || target != c.options.Target {
		return
	}
	c.mu.Lock()
	c.recall()
	unknown := c.known == nil
	c.mu.Unlock()
	if unknown {
		c.refresh()
	}
}

// refresh reads the list in the background, at most once at a time.
func (c *chooser) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refreshing || c.ctx.Err() != nil {
		return
	}
	c.refreshing = true
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, refreshTime)
		defer cancel()
		list, err := c.opener.list(ctx)
		if err == nil {
			c.note(list)
		}
		c.mu.Lock()
		c.refreshing = false
		c.mu.Unlock()
	})
}

// search is one look at the list, shared by all that wait for it.
type search struct {
	done   chan struct{}
	waited bool // the instance was not there at first
	chosen []Instance
	err    error
}

// find reads the list until it finds the instance that is meant, for some seconds if the list is about to
// change. Concurrent callers share one search. A caller that joins late and finds nothing starts another.
func (c *chooser) find(ctx context.Context) ([]Instance, error) {
	for until := time.Now().Add(searchTime); ; {
		s := c.joinSearch()
		select {
		case <-s.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if s.err == nil || !s.waited || time.Now().Add(searchPause).After(until) {
			return slices.Clone(s.chosen), s.err
		}
	}
}

// joinSearch returns the search that is under way, or begins one.
func (c *chooser) joinSearch() *search {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.search == nil {
		s := &search{done: make(chan struct{})}
		c.search = s
		c.work.Go(func() {
			s.chosen, s.err = s.look(c)
			c.mu.Lock()
			c.search = nil
			c.mu.Unlock()
			close(s.done)
		})
	}
	return c.search
}

// look reads the list repeatedly.
func (s *search) look(c *chooser) ([]Instance, error) {
	for until := time.Now().Add(searchTime); ; {
		list, err := c.opener.list(c.searching)
		if err == nil {
			if chosen := c.note(list); len(chosen) > 0 {
				c.reached.Store(true)
				return chosen, nil
			}
			if !understood(list) {
				return nil, &QuestionError{Instances: list}
			}
			err = &NoInstanceError{Selector: c.options.Instance, Instances: list}
			if !slices.ContainsFunc(list, c.options.Instance.mayBecome) {
				return nil, err
			}
		} else if !errors.As(err, new(*RefusedError)) || !c.reached.Load() {
			return nil, err
		}
		if time.Now().Add(searchPause).After(until) {
			return nil, err
		}
		if c.options.Missing != nil {
			c.opener.waiting.Do(c.options.Missing)
		}
		s.waited = true
		select {
		case <-time.After(searchPause):
		case <-c.searching.Done():
			return nil, c.searching.Err()
		}
	}
}
