// Package api imitates Clever Cloud's API on this machine, as far as clever-ssh uses it, and as far as clever-tools
// does for `clever ssh` and `clever applications list`. It checks the login, records each request, and can fail in
// the ways that an API fails.
//
//	a := &api.API{Login: api.TestLogin, User: api.Owner{ID: "user_1", Name: "Ada"}}
//	a.Start()
//	defer a.Close()
//	// CLEVER_TOKEN=… CLEVER_SECRET=… API_HOST=<a.URL()> clever applications list
package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// API is one fake API. It reads the fields while it runs, so after Start only change them in Change.
type API struct {
	Login         Login
	User          Owner
	Organisations []Owner
	Keys          []Key
	NoV4          bool    // whether it only has version 2 of the list of instances
	Fail          Failure // what it does instead of an answer

	mu       sync.Mutex
	requests []string
	server   *httptest.Server
	ended    chan struct{}
}

// Login is what a request must present: a token and its secret, of this consumer, or the API token.
type Login struct{ ConsumerKey, ConsumerSecret, Token, Secret, APIToken string }

// TestLogin is a login for tests, with clever-tools' own consumer.
var TestLogin = Login{"T5nFjKeHH4AIlEveuGhB5S3xg8T19e", "MgVMqTr6fWlf2M0tkC2MXOnhfqBWDT", "TOKEN-of-tests", "SECRET-of-tests", "APITOKEN-of-tests"}

// Owner is the user, or an organisation.
type Owner struct {
	ID, Name, Email string
	Applications    []Application
}

// Application is one of an owner's applications.
type Application struct {
	ID, Name, State string
	Instances       []Instance
}

// Instance is one of an application's instances.
type Instance struct {
	ID, Name, State string
	Number          int
	Build           bool
}

// Key is a registered SSH key.
type Key struct{ Name, Key, Fingerprint string }

// Failure is what the API does instead of answering. A number is a status.
type Failure string

// The failures that are not a status.
const (
	Silent    Failure = "silent"    // it never answers
	Slow      Failure = "slow"      // it begins an answer and does not finish it
	Truncated Failure = "truncated" // the answer was cut off
	Huge      Failure = "huge"      // the answer does not end
	NotJSON   Failure = "not-json"
	WrongJSON Failure = "wrong-json" // it is JSON, but of other types
	Redirect  Failure = "redirect"   // to another host
	Garbage   Failure = "garbage"    // it does not speak HTTP
)

// Start makes the API listen, on loopback.
func (a *API) Start() {
	a.ended = make(chan struct{})
	a.server = httptest.NewServer(a)
}

// URL returns where it listens.
func (a *API) URL() string { return a.server.URL }

// Close ends it.
func (a *API) Close() {
	close(a.ended)
	a.server.CloseClientConnections()
	a.server.Close()
}

// Change changes the API while it runs.
func (a *API) Change(change func(*API)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

// Requests lists the requests so far, each as "METHOD /path?query".
func (a *API) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, r.Method+" "+r.URL.RequestURI())
	fail, ended := a.Fail, a.ended
	var status int
	var answer any
	if fail == "" {
		status, answer = a.answer(r)
	}
	a.mu.Unlock()
	if fail != "" {
		fail.carryOut(w, r, ended)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

// object is a JSON object.
type object = map[string]any

// answer returns the answer to a request.
func (a *API) answer(r *http.Request) (status int, answer any) {
	failed := func(status int, message string) (int, any) {
		return status, object{"id": status, "message": message, "type": "error"}
	}
	if err := a.Login.check(r.Header.Get("Authorization")); err != nil {
		return failed(http.StatusUnauthorized, err.Error())
	}
	if r.Method != http.MethodGet {
		return failed(http.StatusMethodNotAllowed, r.Method)
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case slices.Equal(path, []string{"v2", "summary"}):
		return http.StatusOK, a.summary()
	case slices.Equal(path, []string{"v2", "self", "keys"}):
		list := []object{}
		for _, k := range a.Keys {
			list = append(list, object{"name": k.Name, "key": k.Key, "fingerprint": k.Fingerprint})
		}
		return http.StatusOK, list
	case len(path) > 3 && path[0] == "v2" && path[1] == "organisations" && path[3] == "applications":
		return a.ofOwner(path[2], path[4:], false)
	case len(path) > 4 && path[0] == "v4" && path[1] == "orchestration" && path[2] == "organisations" && path[4] == "applications" && !a.NoV4:
		if len(r.URL.Query()["includeState"]) > 1 {
			return failed(http.StatusBadRequest, "includeState is there twice")
		}
		return a.ofOwner(path[3], path[5:], true)
	}
	return failed(http.StatusNotFound, "no such resource")
}

// ofOwner answers questions about an owner's applications.
func (a *API) ofOwner(owner string, path []string, v4 bool) (status int, answer any) {
	for _, o := range a.owners() {
		if o.ID != owner {
			continue
		}
		if len(path) == 0 {
			return http.StatusOK, o.applications()
		}
		for _, app := range o.Applications {
			if app.ID == path[0] && len(path) == 2 && path[1] == "instances" {
				return http.StatusOK, app.instances(v4)
			}
		}
	}
	return http.StatusNotFound, object{"id": 4001, "message": "not found", "type": "error"}
}

// owners returns the organisations and the user, whom the API treats as one.
func (a *API) owners() []Owner { return append([]Owner{a.User}, a.Organisations...) }

func (a *API) summary() object {
	var organisations []object
	for _, o := range a.owners() {
		organisations = append(organisations, o.summary())
	}
	user := a.User.summary()
	user["email"] = a.User.Email
	return object{"user": user, "organisations": organisations}
}

func (o Owner) summary() object {
	list := []object{}
	for _, app := range o.Applications {
		list = append(list, object{"id": app.ID, "name": app.Name, "variantSlug": "node", "state": app.state(), "archived": false})
	}
	return object{"id": o.ID, "name": o.Name, "applications": list, "addons": []object{}, "consumers": []object{}}
}

func (app Application) state() string {
	if app.State == "" {
		return "SHOULD_BE_UP"
	}
	return app.State
}

// applications returns the owner's applications as clever-tools lists them.
func (o Owner) applications() []object {
	list := []object{}
	for _, app := range o.Applications {
		list = append(list, object{"id": app.ID, "name": app.Name, "state": app.state(), "zone": "par", "creationDate": int64(1700000000000),
			"instance": object{"variant": object{"slug": "node"}}, "deployment": object{"httpUrl": "https://push.example/" + app.ID, "url": "git+ssh://push.example/" + app.ID}})
	}
	return list
}

// instances returns the application's instances. Version 2 does not name build VMs.
func (app Application) instances(v4 bool) []object {
	list := []object{}
	for _, i := range app.Instances {
		if v4 {
			list = append(list, object{"id": i.ID, "name": i.Name, "index": i.Number, "state": i.State, "isBuildVm": i.Build})
		} else {
			list = append(list, object{"id": i.ID, "appId": app.ID, "state": i.State, "instanceNumber": i.Number, "displayName": i.Name})
		}
	}
	return list
}

// check returns why a request is refused.
func (l Login) check(header string) error {
	if token, ok := strings.CutPrefix(header, "Bearer "); ok {
		if l.APIToken == "" || token != l.APIToken {
			return fmt.Errorf("another API token")
		}
		return nil
	}
	list, ok := strings.CutPrefix(header, "OAuth ")
	if !ok {
		return fmt.Errorf("no authorization")
	}
	got := map[string]string{"oauth_signature_method": "PLAINTEXT"}
	for _, parameter := range strings.Split(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		text, err := url.PathUnescape(strings.Trim(value, `"`))
		if err != nil || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			return fmt.Errorf("%s is malformed", name)
		}
		got[name] = text
	}
	want := map[string]string{"oauth_signature_method": "PLAINTEXT", "oauth_consumer_key": l.ConsumerKey, "oauth_token": l.Token,
		"oauth_signature": url.PathEscape(l.ConsumerSecret) + "&" + url.PathEscape(l.Secret)}
	for name, value := range want {
		if value == "" || got[name] != value {
			return fmt.Errorf("another %s", name)
		}
	}
	return nil
}

// carryOut acts out a failure. It ends with the request or the API.
func (f Failure) carryOut(w http.ResponseWriter, r *http.Request, ended <-chan struct{}) {
	var status int
	if n, _ := fmt.Sscan(string(f), &status); n == 1 {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message":"\u001b[31mfailed with %d"}`, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriter(w)
	switch f {
	case Silent:
		wait(r, ended)
	case Slow:
		fmt.Fprint(w, `{"user":`)
		w.(http.Flusher).Flush()
		wait(r, ended)
	case Truncated:
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"user":{"id":"user_1"},"organisations":[`)
	case Huge:
		for r.Context().Err() == nil {
			if _, err := fmt.Fprintln(out, strings.Repeat(" ", 1<<16)); err != nil {
				return
			}
		}
	case NotJSON:
		fmt.Fprint(w, "<html>\x1b[31mnothing here</html>")
	case WrongJSON:
		fmt.Fprint(w, `{"user":[7],"organisations":"none"}`)
	case Redirect:
		http.Redirect(w, r, "http://127.0.0.2:9"+r.URL.Path, http.StatusFound)
	case Garbage:
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			fmt.Fprint(c, "SSH-2.0-\x1b[31mnot HTTP\r\n")
			c.Close()
		}
	default:
		panic("unknown failure " + string(f))
	}
}

// wait waits for the end of the request or of the API.
func wait(r *http.Request, ended <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-ended:
	}
}
