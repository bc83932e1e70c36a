package gateway

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"

	"golang.org/x/crypto/ssh"
)

// Account is one customer: the keys that log in as them, and what they may enter.
type Account struct {
	Keys          []ssh.PublicKey
	Organisations []Organisation
}

// Organisation is the first level of the menu.
type Organisation struct {
	Name         string
	Applications []Application
}

// Application is the second level of the menu. Its ID is "app_" and 1 to 64 of A-Z a-z 0-9 _ -. One without
// instances exists, but cannot be entered.
type Application struct {
	Name      string
	ID        string
	Instances []Instance
}

// Instance is a machine that runs an application. Its ID is a UUID in lower case, Name is what the gateway calls it,
// such as "Sleepy Ponita", and Number counts from 0 within the application; it is -1 if there is no number yet.
type Instance struct {
	ID     string
	Name   string
	Number int
	State  string // one of clever-tools' words; UP if it is empty
	Build  bool   // it is a build VM
}

// describe returns how the gateway lists the instance. How it lists a build VM is not known.
func (i Instance) describe() string {
	place := "Instance ?"
	switch {
	case i.Build:
		place = "Build VM"
	case i.Number >= 0:
		place = fmt.Sprintf("Instance %d", i.Number)
	}
	return fmt.Sprintf("%s - %s - %s (%s)", i.Name, place, cmp.Or(i.State, "UP"), i.ID)
}

var (
	applicationID = regexp.MustCompile(`^app_[A-Za-z0-9_-]{1,64}$`)
	instanceID    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// checkIDs returns an error for the first id that the gateway could not have. It also keeps everything else out of
// the file names that are made from the ids.
func (g *Gateway) checkIDs() error {
	accounts := g.Accounts
	if g.AnyKey != nil {
		accounts = append(accounts[:len(accounts):len(accounts)], *g.AnyKey)
	}
	for _, account := range accounts {
		for _, organisation := range account.Organisations {
			for _, application := range organisation.Applications {
				if !applicationID.MatchString(application.ID) {
					return fmt.Errorf("application %q: %q is not an application id", application.Name, application.ID)
				}
				for _, instance := range application.Instances {
					if !instanceID.MatchString(instance.ID) {
						return fmt.Errorf("application %q: %q is not an instance id", application.Name, instance.ID)
					}
				}
			}
		}
	}
	return nil
}

// accountOf returns the account that a key logs in to, or nil.
func (g *Gateway) accountOf(key ssh.PublicKey) *Account {
	for i, account := range g.Accounts {
		for _, own := range account.Keys {
			if bytes.Equal(own.Marshal(), key.Marshal()) {
				return &g.Accounts[i]
			}
		}
	}
	return g.AnyKey
}

// application finds one of the account's applications by its id.
func (g *Gateway) application(a *Account, id string) (Application, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, organisation := range a.Organisations {
		for _, application := range organisation.Applications {
			if application.ID == id {
				return application, true
			}
		}
	}
	return Application{}, false
}

// instance finds an instance of one of the account's applications by its id.
func (g *Gateway) instance(a *Account, id string) (Application, Instance, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, organisation := range a.Organisations {
		for _, application := range organisation.Applications {
			for _, instance := range application.Instances {
				if instance.ID == id {
					return application, instance, true
				}
			}
		}
	}
	return Application{}, Instance{}, false
}
