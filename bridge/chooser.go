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
// An application is asked for by its own id until the gateway turns out to list several instances. What it lists is remembered,
// here and for later bridges, so that the choice costs the first command something and the next ones nothing. Meanwhile
// instances come and go: the list is read again in the background, and whatever cannot be entered is forgotten.
type chooser struct {
	starter *starter
	options Options
	reached atomic.Bool // an instance was entered, or was known: where there is none now, there may be one soon

	work       sync.WaitGroup  // what goes on in the background
	ctx        context.Context // of the refresh
	cancel     context.CancelFunc
	searching  context.Context // of the search
	stopSearch context.CancelFunc

	mu         sync.Mutex
	recalled   bool     // Memory was asked
	known      *Listing // nil if nothing is
	gone       bool     // the gateway led to no instance
	search     *search  // under way; nil if there is none
	refreshing bool
	announced  string // the id that Chosen was told last
}

// Listing is a list of an application's instances, as it was at a time.
type Listing struct {
	Time      time.Time
	Instances []Instance
	Chosen    string // the id of the instance that Unselected stands for, as long as it is UP; empty if none was chosen yet
}

// Memory keeps a listing for as long as the way to the gateway stays open. Its methods may be called from several goroutines.
type Memory interface {
	Recall() *Listing // nil if there is none
	Remember(Listing)
	Forget()
}

const (
	// freshFor is how old a list may be before it is read again, beside a command that does not wait for that.
	freshFor = time.Second
	// searchTime is how long the next instance of a deployment is waited for.
	searchTime = 10 * time.Second
	// searchPause is how long nothing happens between two looks at the list.
	searchPause = time.Second
	// refreshTime bounds what nobody waits for.
	refreshTime = 5 * time.Second
)

func newChooser(s *starter) *chooser {
	c := &chooser{starter: s, options: s.options}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.searching, c.stopSearch = context.WithCancel(c.ctx)
	return c
}

// wait waits for what goes on in the background, for a while: only later commands have a use for that.
func (c *chooser) wait(patience time.Duration) {
	c.stopSearch()
	timer := time.AfterFunc(patience, c.cancel)
	c.work.Wait()
	timer.Stop()
	c.cancel()
}

// targetOf is the target that leads to an instance.
func (c *chooser) targetOf(i Instance) string {
	if i.Alone {
		return c.options.Target
	}
	return cmp.Or(i.ID, c.options.Target)
}

// entersApplication reports whether the target of an instance is the application.
func (c *chooser) entersApplication(i Instance) bool { return c.targetOf(i) == c.options.Target }

// decides reports whether there may be several instances, and the choice is for this bridge.
func (c *chooser) decides() bool {
	return c.options.Application && !(c.options.Ask && c.options.Instance == Unselected)
}

// choose returns the instance for the next session. It has no id if the gateway knows best.
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

// announce tells which instance was chosen, if nobody named it and there are others.
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

// chooseAll returns the instances that are meant, after a look at the list as it is now.
func (c *chooser) chooseAll(ctx context.Context) ([]Instance, error) {
	if !c.options.Application {
		return []Instance{{Number: NoNumber}}, nil
	}
	return c.find(ctx)
}

// recall asks Memory, once. The mutex is held.
func (c *chooser) recall() {
	if c.recalled || c.options.Memory == nil {
		return
	}
	c.recalled = true
	if c.known = c.options.Memory.Recall(); c.known != nil {
		c.reached.Store(true)
	}
}

// stillChosen reports whether a target is what is chosen now. The list may have been read again since it was.
func (c *chooser) stillChosen(target string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || c.options.Instance == All {
		return true
	}
	chosen := c.pick(c.known)
	return len(chosen) == 0 || c.targetOf(chosen[0]) == target
}

// pick chooses from a listing. The mutex is held.
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

// note takes note of a list.
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

// learn takes note of the instances that an attempt to enter the application has brought to light. It reports whether there was
// a list, and the choice is for this bridge.
func (c *chooser) learn(entered Instance, err error) bool {
	question := new(QuestionError)
	if !errors.As(err, &question) || question.Ended || !understood(question.Instances) || !c.decides() || !c.entersApplication(entered) {
		return false
	}
	c.reached.Store(true)
	c.note(question.Instances)
	return true
}

// forget forgets what led to an instance that could not be entered. It reports whether another choice may help.
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
	return !errors.As(err, new(*SilentError)) // which has taken long enough
}

// passedBy takes note that an outpost was reached by a target, so that the gateway could not say what there is. It is asked in the
// background: the line may lead to an instance that is about to go.
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
		list, err := c.starter.list(ctx)
		if err == nil {
			c.note(list)
		}
		c.mu.Lock()
		c.refreshing = false
		c.mu.Unlock()
	})
}

// search is a look at the list on behalf of all that wait for it.
type search struct {
	done   chan struct{}
	waited bool // for an instance that was not there at first
	chosen []Instance
	err    error
}

// find reads the list until there is an instance that is meant, for some seconds if the list is about to change. All that look for one at
// a time share the search; who comes late to one that finds none has another.
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

// joinSearch returns the search that is under way, and begins one if there is none.
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

// look reads the list again and again.
func (s *search) look(c *chooser) ([]Instance, error) {
	for until := time.Now().Add(searchTime); ; {
		list, err := c.starter.list(c.searching)
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
			c.starter.waiting.Do(c.options.Missing)
		}
		s.waited = true
		select {
		case <-time.After(searchPause):
		case <-c.searching.Done():
			return nil, c.searching.Err()
		}
	}
}
