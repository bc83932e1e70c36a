//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test/api"
)

// accountHome makes a home where clever-tools is logged in to a fake API with one application,
// which setup has registered.
func accountHome(t *testing.T) (*home, *api.API) {
	t.Helper()
	h := testHome(t)
	a := &api.API{Login: api.TestLogin, User: api.Owner{ID: "user_1", Name: "Ada", Applications: []api.Application{{ID: appWeb, Name: "web"}}}}
	a.Start()
	t.Cleanup(a.Close)
	must(t, os.WriteFile(filepath.Join(h.dir, ".config/clever-cloud/clever-tools.json"), profileOf(a), 0o600))
	h.setup(t, startGateway(t, h), "--account", "--putty=no")
	return h, a
}

// A person at a terminal sees what setup is waiting for. Interrupting it then changes nothing.
func TestSetupWaitsForAPI(t *testing.T) {
	t.Parallel()
	h, a := accountHome(t)
	a.Change(func(a *api.API) { a.Fail = api.Silent })
	before, err := os.ReadFile(h.path("clever/config"))
	must(t, err)
	term := start(t, h.command("clever-ssh", "setup", "pair="+appPair))
	term.expect(t, `clever-ssh: waiting for 127\.0\.0\.1:\d+ \.\.\.`)
	term.send(t, "\x03")
	if status := term.status(t); status != 1 {
		t.Errorf("status %d", status)
	}
	after, err := os.ReadFile(h.path("clever/config"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v\n%s", err, after)
	}
}

// However the API fails, the names from last time stay, nothing it sends reaches the terminal raw,
// and nothing of the login is shown or written.
func TestAPIFails(t *testing.T) {
	t.Parallel()
	h, a := accountHome(t)
	for _, fail := range []api.Failure{"401", "404", "429", "500", api.Truncated, api.NotJSON, api.WrongJSON, api.Redirect, api.Garbage} {
		a.Change(func(a *api.API) { a.Fail = fail })
		for _, args := range [][]string{{"setup", "-v"}, {"setup", "--account", "--dry-run"}, {"doctor", "--json", "-v"}, {"list", "--json"}} {
			out, _ := h.command("clever-ssh", args...).CombinedOutput()
			if text := string(out); strings.Contains(text, "of-tests") || strings.ContainsAny(text, "\x1b\r") {
				t.Errorf("%s: clever-ssh %s:\n%s", fail, strings.Join(args, " "), text)
			}
		}
	}
	out := runs(t, h.command("clever-ssh", "list"))
	if !strings.Contains(out, "web.clever") {
		t.Errorf("the name is gone:\n%s", out)
	}
	must(t, filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "clever-tools.json" {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("of-tests")) {
			t.Errorf("%s has something of the login", path)
		}
		return err
	}))
}
