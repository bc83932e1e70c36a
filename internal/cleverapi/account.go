package cleverapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Summary is what an account is and what it has.
type Summary struct {
	User          User           `json:"user"`
	Organisations []Organisation `json:"organisations"`
}

// User is the person who is logged in.
type User struct {
	Organisation
	Email string `json:"email"`
}

// Organisation owns applications. Its strings may hold any text.
type Organisation struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Applications []Application `json:"applications"`
}

// Application is one of an organisation's.
type Application struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
}

// Owners returns the user, who counts as an owner, and the organisations. The API lists the user among these as well.
func (s *Summary) Owners() []Organisation {
	user := s.User.Organisation
	var rest []Organisation
	for _, o := range s.Organisations {
		if o.ID != user.ID {
			rest = append(rest, o)
		} else if user.Name == "" {
			user.Name = o.Name
		}
	}
	return append([]Organisation{user}, rest...)
}

// Find returns an application and its owner.
func (s *Summary) Find(id string) (o Organisation, a Application, ok bool) {
	for _, o := range s.Owners() {
		if i := slices.IndexFunc(o.Applications, func(a Application) bool { return a.ID == id }); i >= 0 {
			return o, o.Applications[i], true
		}
	}
	return o, a, false
}

// Summary asks what the account is and what it has. The error is [clevertools.ErrRefused] if the API refuses the login,
// and a [*StatusError] if it answers with any other status than success. Any other says why there is no answer, or that
// it makes no sense.
func (c *Client) Summary(ctx context.Context) (*Summary, error) {
	s := new(Summary)
	if err := c.get(ctx, "", s, "v2", "summary"); err != nil {
		return nil, err
	}
	if s.User.ID == "" { // an empty answer is not an empty account, or all its names would go
		return nil, c.notUnderstood()
	}
	return s, nil
}

// Key is a public key that is registered with the account.
type Key struct {
	Name        string `json:"name"`
	Key         string `json:"key"`         // as in a .pub file
	Fingerprint string `json:"fingerprint"` // SHA256:..., as OpenSSH prints it
}

// Keys asks for the registered keys. The errors are those of Summary.
func (c *Client) Keys(ctx context.Context) (list []Key, err error) {
	err = c.get(ctx, "", &list, "v2", "self", "keys")
	return list, err
}

// Instance is one of an application's instances.
type Instance struct {
	State string `json:"state"`
	Build bool   `json:"isBuildVm"`
}

// instanceStates are the states of an instance that exists. The API wants them as one list, and without it shows only
// some.
var instanceStates = []string{"BOOTING", "STARTING", "READY", "BUILDING", "DEPLOYING", "UP", "TASK_IN_PROGRESS", "MIGRATION_IN_PROGRESS", "STOPPING"}

// Runs reports whether an instance can be entered, now or soon.
func (i Instance) Runs() bool {
	return slices.Contains(instanceStates, i.State) && i.State != "STOPPING"
}

// Instances asks for an application's instances, with version 2 of the API if it does not have version 4. The errors
// are those of Summary; an application that the account does not have is a StatusError.
func (c *Client) Instances(ctx context.Context, owner, application string) (list []Instance, err error) {
	err = c.get(ctx, "includeState="+strings.Join(instanceStates, ","), &list, "v4", "orchestration", "organisations", owner, "applications", application, "instances")
	if status := new(StatusError); errors.As(err, &status) && status.Status == http.StatusNotFound {
		list = nil
		err = c.get(ctx, "", &list, "v2", "organisations", owner, "applications", application, "instances")
	}
	return list, err
}
