package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/clevertools"
	"clever-ssh/internal/cleverapi"
	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"

	"golang.org/x/crypto/ssh"
)

// apiPatience bounds doctor's questions to the API.
const apiPatience = 9 * time.Second

// account is the API's answer about the account that clever-tools is logged in to.
type account struct {
	login *clevertools.Login
	err   error // why nothing is known
	*cleverapi.Summary
	keys    []cleverapi.Key
	errKeys error

	// The application that the alias stands for:
	application  cleverapi.Application
	owner        cleverapi.Organisation
	found        bool
	instances    []cleverapi.Instance
	errInstances error
}

// startAccount asks the API if clever-tools is logged in. The answer is nil if it is not.
func (e *examination) startAccount(ctx context.Context) func() *account {
	none := func() *account { return nil }
	if e.settings == nil || e.isOfAnother() {
		return none
	}
	login, err := clevertools.FindLogin(filepath.Dir(e.settings.Path))
	if errors.Is(err, clevertools.ErrNoLogin) {
		return none
	}
	a := &account{login: login, err: err}
	if err != nil {
		return func() *account { return a }
	}
	ctx, cancel := openssh.WithPatience(ctx, apiPatience)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.ask(ctx, string(e.resolved.Target))
	}()
	return func() *account {
		<-done
		cancel()
		return a
	}
}

// ask asks everything about the account and about an application.
func (a *account) ask(ctx context.Context, application string) {
	c := cleverapi.New(a.login)
	if a.Summary, a.err = c.Summary(ctx); a.err != nil {
		return
	}
	a.keys, a.errKeys = c.Keys(ctx)
	if a.owner, a.application, a.found = a.Find(application); a.found {
		a.instances, a.errInstances = c.Instances(ctx, a.owner.ID, application)
	}
}

// name returns what to call the account's owner.
func (a *account) name() string {
	for _, name := range []string{a.User.Email, a.login.Email, a.User.Name, a.User.ID} {
		if name != "" {
			return fmt.Sprintf("%.100s", name)
		}
	}
	return "somebody"
}

// checkAccount reports the API's answer about the account's keys and the application.
func (e *examination) checkAccount(asked func() *account) {
	const check = "account"
	a := asked()
	if a == nil {
		return
	}
	e.account = a
	if a.login != nil {
		if err := ui.HintExposed(a.login.File); err != nil {
			e.warn(check, "", err.Error(), ui.Hints(err)...)
		}
	}
	switch {
	case a.err != nil:
		err := ui.HintAPI(a.err, a.login)
		e.warn(check, "", err.Error(), ui.Hints(err)...)
		return
	case a.login.Foreign:
		e.ok(check, "", "clever-tools is logged in as %s, to %s, as its profile says", a.name(), a.login.API.Host)
	default:
		e.ok(check, "", "clever-tools is logged in as %s", a.name())
	}
	e.checkRegistered(a)
	e.checkApplication(a)
}

// checkRegistered compares the keys that ssh would offer with the registered keys.
func (e *examination) checkRegistered(a *account) {
	const check = "registered"
	if a.errKeys != nil {
		e.warn(check, "", a.errKeys.Error())
		return
	}
	names := map[string]string{}
	for _, k := range a.keys {
		for _, fingerprint := range fingerprintsOf(k) {
			names[fingerprint] = k.Name
		}
	}
	known := false
	offered := slices.Sorted(maps.Keys(e.offered))
	for _, fingerprint := range offered {
		if name, ok := names[fingerprint]; ok {
			known = true
			found := fmt.Sprintf("a key that ssh offers is registered as %.100q", name)
			e.add(finding{Check: check, Status: statusOK, Found: found, Details: []string{strings.TrimSpace(fingerprint + " " + e.keyFiles[fingerprint])}})
		}
	}
	if !known && len(offered) > 0 {
		e.warn(check, "", "none of the keys that ssh offers is registered with the account of "+a.name(), e.registerHints(offered)...)
	}
}

// fingerprintsOf returns the fingerprints of a registered key: the API's, and the key's own.
func fingerprintsOf(k cleverapi.Key) []string {
	list := []string{k.Fingerprint}
	if key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k.Key)); err == nil {
		list = append(list, ssh.FingerprintSHA256(key))
	}
	return list
}

// registerHints returns the commands that register one of the keys that ssh offers, preferably one in a file.
func (e *examination) registerHints(offered []string) []string {
	add := "clever ssh-keys add " + quote.Arg(keyName()) + " "
	for _, fingerprint := range offered {
		path, inFile := e.keyFiles[fingerprint]
		if !inFile {
			continue
		}
		public := strings.TrimSuffix(path, ".pub") + ".pub"
		if !openssh.Exists(public) {
			return []string{"write its public half: ssh-keygen -y -f " + quote.Arg(path) + " > " + quote.Arg(public), "then register it: " + add + quote.Arg(public)}
		}
		return []string{"register it: " + add + quote.Arg(public)}
	}
	return []string{"write the agent's first key to a file: ssh-add -L | head -n 1 > key.pub", "then register it: " + add + "key.pub"}
}

// keyName returns a name for registering a key of this machine.
func keyName() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(name, ".")
	if !quote.IsPlain(name, "-_") || name[0] == '-' {
		return "my-key"
	}
	return name
}

// checkApplication reports whether the account has the application, and which states its instances are in.
func (e *examination) checkApplication(a *account) {
	const check = "application"
	switch {
	case e.resolved.Target == "" || e.resolved.Target.IsInstance():
	case !a.found:
		e.warn(check, e.alias, fmt.Sprintf("the account of %s has no application %s", a.name(), e.resolved.Target), ownApplications)
	case a.errInstances != nil:
		e.ok(check, e.alias, "%s", a.describe())
		e.warn(check, e.alias, "its instances could not be listed: "+a.errInstances.Error())
	case a.running() == 0:
		e.warn(check, e.alias, a.describe()+" is stopped: it has no running instances", a.startHint())
	default:
		e.ok(check, e.alias, "%s, with %s: %s", a.describe(), ui.Counted(len(a.instances), "instance"), a.states())
	}
}

// describe returns what a person calls the application.
func (a *account) describe() string {
	text := fmt.Sprintf("%.100q", a.application.Name)
	if a.owner.Name != "" {
		text += fmt.Sprintf(" of %.100q", a.owner.Name)
	}
	return text
}

// running returns how many instances can be entered, now or soon.
func (a *account) running() (n int) {
	for _, i := range a.instances {
		if i.Runs() {
			n++
		}
	}
	return n
}

// mostStates is how many different states of instances are listed.
const mostStates = 10

// states counts the instances in each state.
func (a *account) states() string {
	count := map[string]int{}
	for _, i := range a.instances {
		state := fmt.Sprintf("%.30s", i.State)
		if i.Build {
			state += " (build VM)"
		}
		count[state]++
	}
	var list []string
	for _, state := range slices.Sorted(maps.Keys(count)) {
		list = append(list, fmt.Sprintf("%d %s", count[state], state))
	}
	if len(list) > mostStates {
		list = append(list[:mostStates], "...")
	}
	return strings.Join(list, ", ")
}

const ownApplications = "to list that account's applications: clever applications list"

func (a *account) startHint() string {
	return "start it: clever restart --app " + a.application.ID
}

var fingerprintOf = pattern.New(`SHA256:[A-Za-z0-9+/]{43}`)

// causeOf returns the reason why the gateway finds no instance for the account's key, with hints; nil if the
// API does not tell.
func (e *examination) causeOf(l *attempt) error {
	a, refused := e.account, new(bridge.RefusedError)
	if a == nil || a.err != nil || !errors.As(l.session, &refused) || e.resolved.Target.IsInstance() {
		return nil
	}
	key := fingerprintOf().FindString(l.accepted)
	registered := slices.ContainsFunc(a.keys, func(k cleverapi.Key) bool { return slices.Contains(fingerprintsOf(k), key) })
	switch {
	case !a.found:
		return ui.Hint(fmt.Errorf("the account of %s has no application %s; does another account own it, or was it deleted?", a.name(), e.resolved.Target), ownApplications)
	case a.errInstances == nil && a.running() == 0:
		return ui.Hint(fmt.Errorf("%s is stopped: it has no running instances", a.describe()), a.startHint())
	case a.errKeys == nil && key != "" && !registered:
		return ui.Hint(fmt.Errorf("the gateway knows the key %s, but it belongs to another account, not to %s", key, a.name()),
			"offer one of this account's keys first: "+e.setupIdentity(), "to register another key: clever ssh-keys add NAME FILE.pub")
	}
	return nil
}
