package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/clevertools"
	"clever-ssh/internal/cleverapi"
	"clever-ssh/internal/quote"

	"golang.org/x/term"
)

// maxApplications is how many of the account's applications setup registers. ssh reads the entries for every
// host, so many more would make it slow everywhere.
const maxApplications = 5000

// account is the API's answer about the account, and what a request makes of it.
type account struct {
	login        *clevertools.Login // nil if clever-tools is not logged in
	asked        bool
	applications []config.AccountApplication
	unread       []string // applications without a valid id
	err          error    // why the API could not be asked

	nameless []config.AccountApplication
	changes  config.AccountChanges
}

// askAccount asks the API, if this request or the settings want the account's applications. It holds no lock,
// so that nobody else has to wait for the network.
func (r *Request) askAccount(ctx context.Context) {
	path, err := config.Path()
	if err != nil {
		return // loading the settings says why
	}
	wanted := r.Edit.Account
	if wanted == "" {
		if _, c, err := config.Load(path); err == nil {
			wanted = c.Account
		}
	}
	a := &r.account
	switch wanted {
	case config.AccountNo:
		return
	case "": // there may be a login to mention
		a.login, _ = clevertools.FindLogin(filepath.Dir(path))
		return
	}
	if a.login, a.err = clevertools.FindLogin(filepath.Dir(path)); a.err != nil {
		return
	}
	a.asked = true
	if err := ui.HintExposed(a.login.File); err != nil {
		ui.Error(os.Stderr, err)
	}
	host := a.login.API.Host
	if a.login.Foreign {
		ui.Note(os.Stderr, "your clever-tools profile names the API at %s, so your login is sent there", host)
	}
	ui.Step("asking %s for the account's applications, with the login from %s", host, a.login.Source)
	defer sayWaiting(host)()
	summary, err := cleverapi.New(a.login).Summary(ctx)
	if a.err = err; err == nil {
		a.take(summary)
	}
}

// sayWaiting tells a person on a terminal what takes so long. The function that it returns stops that.
func sayWaiting(host string) (stop func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	timer := time.AfterFunc(time.Second, func() { ui.Note(os.Stderr, "waiting for %s ...", host) })
	return func() { timer.Stop() }
}

// take takes the applications from the API's answer.
func (a *account) take(s *cleverapi.Summary) {
	seen := map[config.Target]bool{}
	for _, o := range s.Owners() {
		for _, app := range o.Applications {
			id, err := config.ParseTarget(app.ID)
			switch {
			case err != nil || id.IsInstance():
				a.unread = append(a.unread, quote.Short(app.ID, 40))
			case app.Archived || seen[id]:
			default:
				seen[id] = true
				a.applications = append(a.applications, config.AccountApplication{ID: id, Name: bounded(app.Name), Organisation: bounded(o.Name)})
			}
		}
	}
	if n := len(a.applications); n > maxApplications {
		a.applications = nil
		a.err = fmt.Errorf("the account has %d applications, and clever-ssh registers at most %d", n, maxApplications)
	}
}

// longestName is how many characters of a name we look at. No alias is that long.
const longestName = 100

func bounded(name string) string {
	if len(name) <= longestName {
		return name
	}
	runes := []rune(name[:min(len(name), utf8.UTFMax*longestName)])
	return string(runes[:min(len(runes), longestName)])
}

// addAccount works out the names from the account, once all other names are known: the others win.
func (r *Request) addAccount(s *settings.Settings) error {
	a := &r.account
	r.accountNames = s.Config.AccountNames
	if a.err != nil {
		return r.withoutAccount(s)
	}
	if !a.asked {
		return nil
	}
	_, after, err := config.Apply(s.Path, s.Text, r.Edit)
	if err != nil {
		return ui.HintEdit(err, r.Edit.Suffix)
	}
	if after.Account != config.AccountYes { // somebody has said no in the meantime
		return nil
	}
	named, nameless := after.NameAccount(a.applications)
	a.nameless = nameless
	// With names on the command line, --replace applies to those.
	r.accountNames, a.changes = config.RenewAccount(s.Config.AccountNames, named, a.applications, r.Edit.Replace && !r.typed)
	return nil
}

// withoutAccount tells why the account could not be asked. That is an error if the user asked for it. Otherwise
// the names from last time stay.
func (r *Request) withoutAccount(s *settings.Settings) error {
	err := ui.HintAPI(r.account.err, r.account.login)
	if r.Edit.Account == config.AccountYes {
		return err
	}
	if s.Config.Account == config.AccountYes {
		hints := append(ui.Hints(err), "to stop using them: clever-ssh setup --account=no")
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("the names from your account were not updated: %v", err), hints...))
	}
	return nil
}

// noteAccount says what happened to the account's applications.
func (r *Request) noteAccount() {
	a, c := &r.account, r.account.changes
	if a.login != nil && !a.asked && r.Edit.Account == "" {
		ui.Note(os.Stderr, "to register all your applications: clever-ssh setup --account")
	}
	alias := func(n config.Name) string { return string(n) + "." + config.DefaultSuffix }
	var lines []string
	for _, n := range c.Gone {
		lines = append(lines, fmt.Sprintf("%s is gone: the account no longer has %s", alias(n.Name), n.Target))
	}
	for _, n := range c.Renamed {
		if n.New == "" {
			lines = append(lines, fmt.Sprintf("%s is gone: see below", alias(n.Old.Name)))
		} else {
			lines = append(lines, fmt.Sprintf("%s is now called %s", alias(n.Old.Name), alias(n.New)))
		}
	}
	for _, n := range c.Moved {
		lines = append(lines, fmt.Sprintf("%s now points to %s instead of %s", alias(n.Name), n.New, n.Old))
	}
	noteFirst(lines)
	for i, n := range c.Held {
		err := fmt.Errorf("%s still points to %s: your account now uses that name for %s", alias(n.Name), n.Old, n.New)
		if i == min(len(c.Held), ui.MostNamed)-1 {
			err = ui.Hint(err, "to follow the account: clever-ssh setup --replace")
		}
		if i < ui.MostNamed {
			ui.Error(os.Stderr, err)
		}
	}
	if n := len(a.nameless); n > 0 {
		var list []string
		for _, app := range a.nameless {
			list = append(list, fmt.Sprintf("%s (%s)", app.ID, describeApplication(app)))
		}
		slices.Sort(list)
		have := "have"
		if n == 1 {
			have = "has"
		}
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s %s no name that is unique and can be an alias: %s", ui.Counted(n, "application"), have, ui.Shorten(list)),
			"choose one yourself: clever-ssh setup NAME="+string(a.nameless[0].ID)))
	}
	if len(a.unread) > 0 {
		ui.Note(os.Stderr, "ignored applications whose ids are not valid: %s", ui.Shorten(a.unread))
	}
}

// describeApplication returns what a person calls an application.
func describeApplication(a config.AccountApplication) string {
	text := quote.Short(a.Name, 40)
	if owner := strings.TrimSpace(a.Organisation); owner != "" {
		text += " of " + quote.Short(owner, 40)
	}
	return text
}

// noteFirst prints the first lines as notes, and says how many more there are.
func noteFirst(lines []string) {
	for _, line := range lines[:min(len(lines), ui.MostNamed)] {
		ui.Note(os.Stderr, "%s", line)
	}
	if more := len(lines) - ui.MostNamed; more > 0 {
		ui.Note(os.Stderr, "and %d more names changed: clever-ssh list", more)
	}
}
