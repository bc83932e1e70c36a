//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"clever-ssh/internal/test/api"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// storyAPI is the fake API of a story, and how many of its requests are counted already.
type storyAPI struct {
	*api.API
	counted int
}

// apiCommand: what a story does with the account's API.
//
//	api start             it listens, at $API; clever-tools is not logged in
//	api login             clever-tools is logged in to it, as its file says
//	api has ORG/NAME=ID … these are the account's applications; one without ORG/ is the user's
//	api instances ID STATE …
//	api key NAME          the home's key is registered
//	api fail KIND | none
//	api requests N        there were so many since the last time, or since api forget
func apiCommand(ts *testscript.TestScript, neg bool, args []string) {
	a := ts.Value("api").(*storyAPI)
	home := ts.Value("home").(*home)
	if args[0] != "start" && a.API == nil {
		ts.Fatalf("no API was started")
	}
	switch args[0] {
	case "start":
		a.API = &api.API{Login: api.TestLogin, User: api.Owner{ID: "user_1", Name: "Ada", Email: "ada@example.com"}}
		a.Start()
		ts.Defer(a.Close)
		ts.Setenv("API", a.URL())
	case "login":
		ts.Check(os.WriteFile(filepath.Join(home.dir, ".config", "clever-cloud", "clever-tools.json"), profileOf(a.API), 0o600))
	case "has":
		owners := applicationsOf(ts, args[1:])
		a.Change(func(a *api.API) { a.User, a.Organisations = owners[0], owners[1:] })
	case "instances":
		var list []api.Instance
		for i, state := range args[2:] {
			list = append(list, api.Instance{ID: instanceID(strconv.Itoa(i)), State: state, Number: i})
		}
		a.Change(func(a *api.API) {
			for _, o := range append([]api.Owner{a.User}, a.Organisations...) {
				for i, app := range o.Applications {
					if app.ID == args[1] {
						o.Applications[i].Instances = list
					}
				}
			}
		})
	case "key":
		a.Change(func(a *api.API) {
			a.Keys = append(a.Keys, api.Key{Name: args[1], Fingerprint: ssh.FingerprintSHA256(home.key)})
		})
	case "fail":
		a.Change(func(a *api.API) { a.Fail = api.Failure(strings.TrimPrefix(args[1], "none")) })
	case "forget":
		a.counted = len(a.Requests())
	case "requests":
		all := a.Requests()
		seen := all[a.counted:]
		if a.counted = len(all); strconv.Itoa(len(seen)) != args[1] {
			ts.Fatalf("%d requests, want %s: %q", len(seen), args[1], seen)
		}
	default:
		ts.Fatalf("api %s?", args[0])
	}
}

// profileOf returns a clever-tools.json with a login to a fake API.
func profileOf(a *api.API) []byte {
	return fmt.Appendf(nil, `{"version":1,"profiles":[{"alias":"default","token":%q,"secret":%q,"email":"ada@example.com","overrides":{"API_HOST":%q}}]}`,
		a.Login.Token, a.Login.Secret, a.URL())
}

// applicationsOf returns the user and the organisations that own applications, each as ORG/NAME=ID or NAME=ID.
func applicationsOf(ts *testscript.TestScript, args []string) []api.Owner {
	owners := []api.Owner{{ID: "user_1", Name: "Ada", Email: "ada@example.com"}}
	for _, arg := range args {
		name, id, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("api has ORG/NAME=ID ...: %s", arg)
		}
		i := 0
		if org, rest, ok := strings.Cut(name, "/"); ok {
			name = rest
			if i = slices.IndexFunc(owners, func(o api.Owner) bool { return o.Name == org }); i < 0 {
				i = len(owners)
				owners = append(owners, api.Owner{ID: fmt.Sprintf("orga_%d", i), Name: org})
			}
		}
		if text, err := strconv.Unquote(`"` + name + `"`); err == nil {
			name = text
		}
		owners[i].Applications = append(owners[i].Applications, api.Application{ID: id, Name: name})
	}
	return owners
}
