//go:build unix

package setup

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// discovered runs discover for a request in this home.
func (h home) discovered(r *Request) error {
	h.Helper()
	s, err := settings.Load()
	if err != nil {
		h.Fatal(err)
	}
	return r.discover(s)
}

// Applications linked here get their names, unless the command line names something. Invalid links are only
// reported.
func TestDiscoverLinked(t *testing.T) {
	h := newHomeWith(t, ownText)
	h.write(filepath.Join(h.dir, ".clever.json"), `{"apps": [`+
		`{"app_id": "`+string(app)+`", "alias": "web", "name": "web"}, {"app_id": "no id", "alias": "broken"}]}`)
	r := &Request{Edit: h.edit(nil)}
	if err := h.discovered(r); err != nil {
		t.Fatal(err)
	}
	if want := map[config.Name]config.Target{"web": app}; !reflect.DeepEqual(r.Edit.Names, want) {
		t.Errorf("got %v, want %v", r.Edit.Names, want)
	}
	if want := h.dir + "/.clever.json links web (" + string(app) + ")"; r.found != want {
		t.Errorf("got %q, want %q", r.found, want)
	}
	said := h.said("stderr")
	if !strings.Contains(said, "DIR/.clever.json") ||
		!strings.Contains(said, "hint: to register what was skipped: clever-ssh setup NAME=app_...") {
		t.Error(said)
	}
	r = &Request{Edit: h.edit(nil), targets: []config.Target{app}}
	if err := h.discovered(r); err != nil || r.Edit.Names != nil {
		t.Errorf("an id on the command line, and yet %v, %v", r.Edit.Names, err)
	}
}

// Entries that the user wrote by hand are reported, and become names with --adopt.
func TestDiscoverHandwritten(t *testing.T) {
	const gateway = "    HostName sshgateway-clevercloud-customers.services.clever-cloud.com\n" +
		"    User ssh\n    RequestTTY yes\n    RemoteCommand "
	h := newHomeWith(t, "Host mine\n"+gateway+string(app)+"\n")
	for _, adopt := range []bool{false, true} {
		r := &Request{Edit: h.edit(nil), Adopt: adopt}
		if err := h.discovered(r); err != nil {
			t.Fatal(err)
		}
		if (r.Edit.Names["mine"] == app) != adopt {
			t.Errorf("--adopt=%v: got %v", adopt, r.Edit.Names)
		}
	}
	said := h.said("stderr")
	if strings.Count(said, "you have entries of your own for the gateway: mine (DIR/ssh/config:5)") != 1 ||
		!strings.Contains(said, "clever-ssh setup --adopt") {
		t.Error(said)
	}
}

// A gateway named by a variable is reported, but not used.
func TestDiscoverUnusedGateway(t *testing.T) {
	h := newHomeWith(t, ownText)
	t.Setenv("SSH_GATEWAY", "me@gw.example.com")
	if err := h.discovered(&Request{Edit: h.edit(nil)}); err != nil {
		t.Fatal(err)
	}
	said := h.said("stderr")
	if !strings.Contains(said, "names another gateway, me@gw.example.com, which is not used") {
		t.Error(said)
	}
}

// A name that is already an alias is refused, and so is a suffix without a gateway.
func TestDiscoverRefuses(t *testing.T) {
	h := newHomeWith(t, ownText)
	for _, c := range []struct {
		edit  config.Edit
		says  string
		usage bool
	}{
		{h.edit(map[config.Name]config.Target{"clever": app}), "clever is the gateway's menu: choose another name",
			true},
		{h.edit(map[config.Name]config.Target{"a.clever": app}),
			"a.clever is an alias of the gateway clever: to register it, type clever-ssh setup a=...", true},
		{config.Edit{Suffix: "staging"}, `no gateway has the suffix "staging"`, false},
		{config.Edit{Suffix: "staging", Address: must(config.ParseAddress("gw.example.com"))},
			"the gateway at ssh@gw.example.com needs pins", false},
	} {
		err := h.discovered(&Request{Edit: c.edit})
		usage := new(ui.UsageError)
		if err == nil || err.Error() != c.says || errors.As(err, &usage) != c.usage {
			t.Errorf("got %v, want %s", err, c.says)
		}
	}
}

// Differences show what would change, without passwords and without the bridge's key.
func TestDifferences(t *testing.T) {
	h := newHomeWith(t, ownText)
	edit := h.edit(nil)
	edit.Via = must(config.ParseVia("http://me:secret@proxy.example.com:3128"))
	if err := (&Request{Edit: edit, DryRun: true}).CarryOut(); err != nil {
		t.Fatal(err)
	}
	shown := h.said("stdout")
	for _, line := range []string{
		"+++ DIR/ssh/clever/config\n", "--- /dev/null\n", "+Include DIR/ssh/clever/config\n",
		`+via = "http://me:xxxxx@proxy.example.com:3128"` + "\n",
	} {
		if !strings.Contains(shown, line) {
			t.Errorf("%q is missing in\n%s", line, shown)
		}
	}
	if strings.Contains(shown, "secret") || strings.Contains(shown, "PRIVATE KEY") ||
		strings.Contains(shown, "+++ DIR/ssh/clever/bridge_") {
		t.Errorf("this shows too much:\n%s", shown)
	}
	h.setup(edit)
	if err := os.Chmod(filepath.Join(h.dir, "ssh", "clever", "config"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := (&Request{Edit: edit, DryRun: true}).CarryOut()
	want := "clever-ssh: the mode of DIR/ssh/clever/config would change from 0644 to 0600\n" +
		"clever-ssh: nothing would change\n"
	if said := h.said("stderr"); err != nil || !strings.HasSuffix(said, want) {
		t.Errorf("%v\n%s", err, said)
	}
}

// On a terminal, a file's content cannot move the cursor.
func TestForTerminal(t *testing.T) {
	if got, want := forTerminal([]byte("+a\tb\x1b[2J\n C:\\temp")), "+a\tb\\x1b[2J\n C:\\temp\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
