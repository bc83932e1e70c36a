package gateway

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"
)

// SetInstances replaces the instances of an application while the gateway runs. Sessions on an instance that is gone
// are cut off. It returns an error for an id that no application or instance can have.
func (g *Gateway) SetInstances(application string, instances []Instance) error {
	for _, i := range instances {
		if !instanceID.MatchString(i.ID) {
			return fmt.Errorf("%q is not an instance id", i.ID)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	found := false
	for a := range g.applications(application) {
		a.Instances, found = slices.Clone(instances), true
	}
	if !found {
		return fmt.Errorf("there is no application %q", application)
	}
	for visit := range g.visits {
		if visit.application == application {
			g.endIfGone(visit)
		}
	}
	return nil
}

// applications returns what each account has of an application. The caller holds the mutex.
func (g *Gateway) applications(id string) iter.Seq[*Application] {
	accounts := g.Accounts
	if g.AnyKey != nil {
		accounts = append(accounts[:len(accounts):len(accounts)], *g.AnyKey)
	}
	return func(yield func(*Application) bool) {
		for _, account := range accounts {
			for _, organisation := range account.Organisations {
				for at := range organisation.Applications {
					if a := &organisation.Applications[at]; a.ID == id && !yield(a) {
						return
					}
				}
			}
		}
	}
}

// endIfGone cuts off a session if its instance is gone. The caller holds the mutex.
func (g *Gateway) endIfGone(v *visit) {
	for a := range g.applications(v.application) {
		if slices.ContainsFunc(a.Instances, func(i Instance) bool { return i.ID == v.instance }) {
			return
		}
	}
	v.end()
}

// Visits returns how many sessions are on an instance.
func (g *Gateway) Visits(instance string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for v := range g.visits {
		if v.instance == instance {
			n++
		}
	}
	return n
}

// visit is a session on an instance.
type visit struct {
	application, instance string
	end                   context.CancelFunc
}

// enterInstance records that a session is on an instance, and returns a context that is done when the instance is
// gone. The caller must call leave at the session's end.
func (g *Gateway) enterInstance(ctx context.Context, application, instance string) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	v := &visit{application, instance, cancel}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.visits == nil {
		g.visits = map[*visit]bool{}
	}
	g.visits[v] = true
	g.endIfGone(v) // it may have gone since it was chosen
	return ctx, func() {
		cancel()
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.visits, v)
	}
}

// Deployment replaces an application's instances as Clever Cloud does: new ones boot beside the old ones, both are UP
// together for a while, and then the old ones stop and go.
type Deployment struct {
	Gateway     *Gateway
	Application string
	Step        time.Duration // how long each state lasts
	Told        func(what string)
	Stopped     func(old []Instance) // called before the old ones go, after they have been stopping for a Step

	mu    sync.Mutex
	now   []Instance
	count int
}

// Start sets the first instances, as many as given.
func (d *Deployment) Start(instances int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.fresh(instances)
	return d.show("started")
}

// Deploy replaces all instances by new ones, as many as given. It returns when the old ones are gone, or ctx is done.
func (d *Deployment) Deploy(ctx context.Context, instances int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, fresh := d.now, d.fresh(instances)
	for _, step := range []struct{ what, oldState, freshState string }{
		{"the new ones boot", "UP", "BOOTING"},
		{"the new ones deploy", "UP", "DEPLOYING"},
		{"both are UP", "UP", "UP"},
		{"the old ones stop", "STOPPING", "UP"},
		{"the old ones have gone", "", "UP"},
	} {
		d.now = nil
		if step.oldState != "" {
			d.now = in(step.oldState, old)
		}
		next := in(step.freshState, fresh)
		if step.freshState == "BOOTING" {
			for at := range next {
				next[at].Number = -1
			}
		}
		d.now = append(d.now, next...)
		if err := d.show(step.what); err != nil {
			return err
		}
		select {
		case <-time.After(d.Step):
		case <-ctx.Done():
			return ctx.Err()
		}
		if step.oldState == "STOPPING" && d.Stopped != nil {
			d.Stopped(old)
		}
	}
	return nil
}

// FailBuild starts a build VM that stays, as one does whose build has failed.
func (d *Deployment) FailBuild(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	vm := d.fresh(1)
	vm[0].Build = true
	running := d.now
	for _, state := range []string{"BUILDING", "UP"} {
		d.now = append(slices.Clone(running), in(state, vm)...)
		if err := d.show("a build VM is " + state); err != nil {
			return err
		}
		select {
		case <-time.After(d.Step):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Instances returns the current instances.
func (d *Deployment) Instances() []Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.now)
}

func (d *Deployment) show(what string) error {
	if d.Told != nil {
		d.Told(what)
	}
	return d.Gateway.SetInstances(d.Application, d.now)
}

func in(state string, list []Instance) []Instance {
	list = slices.Clone(list)
	for at := range list {
		list[at].State = state
	}
	return list
}

// fresh makes instances that never existed before.
func (d *Deployment) fresh(n int) (list []Instance) {
	first, last := []string{"Brave", "Quiet", "Sleepy", "Tense", "Jolly", "Naughty"}, []string{"Nidoran♀", "Farfetch'd", "Mr. Mime", "Ponita", "Abra"}
	for number := range n {
		d.count++
		list = append(list, Instance{
			ID:     fmt.Sprintf("%08x-7d52-4c0b-9a67-0c1d2e3f4a5b", d.count),
			Name:   first[d.count%len(first)] + " " + last[d.count%len(last)],
			Number: number,
			State:  "UP",
		})
	}
	return list
}
