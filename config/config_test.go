package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	app      = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
	otherPin = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func TestBuiltinGateway(t *testing.T) {
	text, c, err := Load(t.TempDir() + "/absent.toml")
	if err != nil || text != nil {
		t.Fatal(text, err)
	}
	g := c.Gateways[0]
	if got, want := g.Address.String(), "ssh@sshgateway-clevercloud-customers.services.clever-cloud.com"; got != want {
		t.Errorf("address %q, want %q", got, want)
	}
	want := "SHA256:lys1oC3plDGyAsWD7Yd5fJVKQUV/Pbn/M5KI5GyAj5s, SHA256:0odQb8NQPKYNCme2Nf3Xrz3Bc9kmrDK6eSJGIzj9aEA"
	if got := PinList(g.Pins); got != want {
		t.Errorf("pins %s, want %s", got, want)
	}
	if g.Suffix != "clever" || g.HostKeyAlias() != "clever-ssh-clever" {
		t.Errorf("suffix %q, host key alias %q", g.Suffix, g.HostKeyAlias())
	}
}

func TestParsePin(t *testing.T) {
	for _, good := range []string{pinED25519, pinRSA, otherPin} {
		p, err := ParsePin(good)
		if err != nil || p.String() != good {
			t.Errorf("ParsePin(%q) = %v, %v", good, p, err)
		}
	}
	for _, bad := range []string{
		"", "SHA256:", strings.TrimPrefix(pinRSA, "SHA256:"), pinRSA + "=", pinRSA + "A", pinRSA[:len(pinRSA)-1],
		strings.ToLower(pinRSA[:7]) + pinRSA[7:], " " + pinRSA, pinRSA + "\n", pinRSA[:20] + "\n" + pinRSA[20:],
		"MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
		otherPin[:len(otherPin)-1] + "B", // bits set after the 256th: a second spelling of the same pin
	} {
		if p, err := ParsePin(bad); err == nil {
			t.Errorf("ParsePin(%q) = %v, want an error", bad, p)
		}
	}
}

func TestParseTargetAndName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, s := range []string{app, instance, "app_x", "app_" + strings.Repeat("A", 64), "app_A-_9"} {
		if _, err := ParseTarget(s); err != nil {
			t.Error(err)
		}
		if _, err := ParseName(s); err == nil {
			t.Errorf("ParseName(%q) accepts a target", s)
		}
	}
	for _, s := range []string{
		"", "app_", "app_" + strings.Repeat("A", 65), "APP_x", "app_x ", "app_x\n", "\napp_x", "app_x;y", "app_é", "-app_x", "app_x.y",
		strings.ToUpper(instance), instance[:35], instance + "0", "ls", "../x", "app_$(x)", "app_x'",
	} {
		if _, err := ParseTarget(s); err == nil {
			t.Errorf("ParseTarget(%q) accepted", s)
		}
	}
	for _, s := range []string{"web", "0", "a.b_c-d", long, "run", "app_", "web.runner"} {
		if _, err := ParseName(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "Web", "-web", ".web", "_web", "we b", "web\n", "web*", "web?", "web!", "wéb", long + "a", "web.run", "..", "a/b", `a\b`, "a%h"} {
		if _, err := ParseName(s); err == nil {
			t.Errorf("ParseName(%q) accepted", s)
		}
	}
}

func TestParseConsoleURL(t *testing.T) {
	const app = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	for _, s := range []string{
		"https://console.clever-cloud.com/organisations/orga_540caeb6-521c-4a19-a955-efe6da35d142/applications/" + app,
		"https://console.clever-cloud.com/organisations/user_dd27e6a5-6b89-4e50-bc14-e3861efbe6f4/applications/" + app + "/",
		"https://console.clever-cloud.com/users/me/applications/" + app + "/logs?since=1=2#live",
		"https://console.clever-cloud.com/goto/" + app,
	} {
		if got, err := ParseConsoleURL(s); err != nil || got != app {
			t.Errorf("ParseConsoleURL(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", app, "http://console.clever-cloud.com/goto/" + app, "https://console.clever-cloud.com:443/goto/" + app,
		"https://me@console.clever-cloud.com/goto/" + app, "https://console.clever-cloud.com.example.org/goto/" + app,
		"https://example.org/console.clever-cloud.com/goto/" + app, "//console.clever-cloud.com/goto/" + app,
		"https://console.clever-cloud.com/goto/addon_x", "https://console.clever-cloud.com/goto/" + app + "/x",
		"https://console.clever-cloud.com/goto/" + app + "%0a", "https://console.clever-cloud.com/goto/%61pp_x",
		"https://console.clever-cloud.com/goto/0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10", "https://console.clever-cloud.com//goto/" + app,
		"https://console.clever-cloud.com/organisations/orga_x/addons/" + app, "https://console.clever-cloud.com/organisations/applications/" + app,
		"https://console.clever-cloud.com/x?/goto/" + app, "https://console.clever-cloud.com/x#/goto/" + app, "https://console.clever-cloud.com",
	} {
		if got, err := ParseConsoleURL(s); err == nil {
			t.Errorf("ParseConsoleURL(%q) = %q, want an error", s, got)
		}
	}
}

func FuzzParseConsoleURL(f *testing.F) {
	f.Add("https://console.clever-cloud.com/goto/app_x")
	f.Add("https://console.clever-cloud.com/users/me/applications/app_x?y=z")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseConsoleURL(s)
		if err != nil {
			return
		}
		if _, err := ParseTarget(string(got)); err != nil || !strings.HasPrefix(strings.ToLower(s), "https://"+ConsoleHost+"/") || !strings.Contains(s, "/"+string(got)) {
			t.Errorf("ParseConsoleURL(%q) = %q", s, got)
		}
	})
}

// An error cuts a long text, and shows that it did.
func TestQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"web": `"web"`, strings.Repeat("a", 60): `"` + strings.Repeat("a", 60) + `"`, strings.Repeat("a", 61): `"` + strings.Repeat("a", 60) + `"...`,
		strings.Repeat("é", 60): `"` + strings.Repeat("é", 60) + `"`, "a\"\n": `"a\"\n"`,
	} {
		if got := quoted(s); got != want {
			t.Errorf("%q is shown as %s, want %s", s, got, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	good := map[string]Address{
		"gw.example":           {"ssh", "gw.example", 22},
		"me@gw.example":        {"me", "gw.example", 22},
		"me@gw.example:2222":   {"me", "gw.example", 2222},
		"ssh@127.0.0.1:1":      {"ssh", "127.0.0.1", 1},
		"ssh@[::1]:2222":       {"ssh", "::1", 2222},
		"::1":                  {"ssh", "::1", 22},
		"[2001:db8::1]":        {"ssh", "2001:db8::1", 22},
		"ssh@sshgateway.local": {"ssh", "sshgateway.local", 22},
	}
	for s, want := range good {
		got, err := ParseAddress(s)
		if err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %v, %v, want %v", s, got, err, want)
		}
		again, err := ParseAddress(got.String())
		if err != nil || again != got {
			t.Errorf("ParseAddress(%q) = %v, %v: does not survive its own spelling", got, again, err)
		}
	}
	for _, s := range []string{
		"", "@", "ssh@", "@gw", "gw:0", "gw:65536", "gw:x", "gw:", "-oProxyCommand=x", "gw host", "gw\nUser x", "gw%h", "a;b@gw", "ssh@gw..", "gw/x",
		"[::1", "fe80::1%eth0", "ssh@[fe80::1%lo]:22", `gw"`, "-x@gw",
	} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("ParseAddress(%q) = %v, want an error", s, a)
		}
	}
}

func TestViaNeverShowsItsPassword(t *testing.T) {
	v, err := ParseVia("http://me:secret@proxy.example:3128")
	if err != nil {
		t.Fatal(err)
	}
	if v.Redacted() != "http://me:xxxxx@proxy.example:3128" {
		t.Error(v.Redacted())
	}
	for _, s := range []string{"", "proxy:3128", "ftp://p:1", "http://me:secret@proxy", "http://me:secret@p:0", "socks5://p:1/path", "http://me:se cret@p:\x7f1", "http://p:1?x"} {
		if _, err := ParseVia(s); err == nil {
			t.Errorf("ParseVia(%q) accepted", s)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("password shown: %v", err)
		}
	}
}

const sample = `# my gateways
[[gateway]]
suffix   = "clever"
identity = "~/.ssh/id_clever"   # a token

[[gateway]]
suffix  = "staging"
address = "ssh@gw.example:2222"
pins    = ["` + otherPin + `",
           "` + pinRSA + `"]
via     = "socks5://127.0.0.1:1080"
[gateway.names]
web = "app_staging"

[names]
web = "` + app + `"
"db.main" = "` + instance + `"
`

func TestResolve(t *testing.T) {
	c, err := Parse("x.toml", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	clever, staging := c.Gateways[0], c.Gateways[1]
	for alias, want := range map[string]Alias{
		"clever":                  {Gateway: clever, Base: "clever"},
		"staging":                 {Gateway: staging, Base: "staging"},
		"web.clever":              {Gateway: clever, Target: app, Base: "web.clever"},
		"web.run.clever":          {Gateway: clever, Target: app, Base: "web.clever", Run: true},
		"db.main.clever":          {Gateway: clever, Target: instance, Base: "db.main.clever"},
		"web.staging":             {Gateway: staging, Target: "app_staging", Base: "web.staging"},
		"app_x.clever":            {Gateway: clever, Target: "app_x", Direct: true, Base: "app_x.clever"},
		instance + ".staging":     {Gateway: staging, Target: instance, Direct: true, Base: instance + ".staging"},
		"app_A-_.clever":          {Gateway: clever, Target: "app_A-_", Direct: true, Base: "app_A-_.clever"},
		app + ".clever":           {Gateway: clever, Target: app, Direct: true, Base: app + ".clever"},
		"app_staging" + ".clever": {Gateway: clever, Target: "app_staging", Direct: true, Base: "app_staging.clever"},
		"0.web.clever":            {Gateway: clever, Target: app, Instance: "0", Base: "web.clever"},
		"999.web.staging":         {Gateway: staging, Target: "app_staging", Instance: "999", Base: "web.staging"},
		"any.web.run.clever":      {Gateway: clever, Target: app, Instance: AnyInstance, Base: "web.clever", Run: true},
		"build.app_X.clever":      {Gateway: clever, Target: "app_X", Direct: true, Instance: BuildVM, Base: "app_X.clever"},
		"all.app_x.run.staging":   {Gateway: staging, Target: "app_x", Direct: true, Instance: AllInstances, Base: "app_x.staging", Run: true},
	} {
		got, err := c.Resolve(alias)
		if err != nil || got != want {
			t.Errorf("Resolve(%q) = %v, %v, want %v", alias, got, err, want)
		}
		plain := strings.TrimSuffix(strings.TrimSuffix(alias, "."+got.Gateway.Suffix), ".run")
		if alias != got.Gateway.Suffix && (got.Plain() != plain+"."+got.Gateway.Suffix || got.RunAlias() != plain+".run."+got.Gateway.Suffix) {
			t.Errorf("%s is plainly %s, and %s", alias, got.Plain(), got.RunAlias())
		}
	}
	for _, alias := range []string{
		"", ".clever", "nosuch.clever", "web", "web.clever.", "web.Clever", "WEB.clever", "db.main.staging", "webclever", "xclever",
		"app_x';touch pwned;'.clever", "app_$(id).clever", "app_`id`.clever", "app_x\n.clever", "app_ x.clever", "-app_x.clever", "../x.clever",
		"app_x.clever.staging", "app_.clever", "a.app_x.clever", "00.web.clever", "01.web.clever", "1000.web.clever", "-1.web.clever", "0.0.web.clever", "0..web.clever", "0.clever",
		"any.clever", "0.nosuch.clever", "0.db.main.clever", "0." + instance + ".clever", "Any.web.clever", "ANY.web.clever", "0.run.clever", "x.web.clever",
		"web.0.clever", "0.web.run.run.clever",
	} {
		if got, err := c.Resolve(alias); err == nil {
			t.Errorf("Resolve(%q) = %v, want an error", alias, got)
		} else if unknown := new(UnknownAliasError); !errors.As(err, &unknown) {
			t.Errorf("Resolve(%q): error of type %T", alias, err)
		}
	}
	want := []string{"clever", "db.main.clever", "staging", "web.clever", "web.staging"}
	if diff := cmp.Diff(want, c.Aliases()); diff != "" {
		t.Error(diff)
	}
}

// A name that looks like an instance alias is a name, and hides an instance.
func TestNamesLikeInstances(t *testing.T) {
	c := Default()
	g := c.Gateways[0]
	g.Names = map[Name]Target{"api": app, "db": instance, "0.api": "app_x", "any": "app_y", "all.api": "app_z", "0.db": "app_x", "7.nosuch": "app_x", "build.app_x": "app_y", "x.api": "app_x"}
	for alias, want := range map[string]Alias{
		"0.api.clever":         {Gateway: g, Target: "app_x", Base: "0.api.clever"},
		"1.0.api.clever":       {Gateway: g, Target: "app_x", Instance: "1", Base: "0.api.clever"},
		"1.api.clever":         {Gateway: g, Target: app, Instance: "1", Base: "api.clever"},
		"any.clever":           {Gateway: g, Target: "app_y", Base: "any.clever"},
		"any.any.clever":       {Gateway: g, Target: "app_y", Instance: AnyInstance, Base: "any.clever"},
		"0." + app + ".clever": {Gateway: g, Target: app, Direct: true, Instance: "0", Base: app + ".clever"},
		"all.api.run.clever":   {Gateway: g, Target: "app_z", Run: true, Base: "all.api.clever"},
	} {
		if got, err := c.Resolve(alias); err != nil || got != want {
			t.Errorf("Resolve(%q) = %v, %v, want %v", alias, got, err, want)
		}
	}
	hidden := ""
	for _, n := range g.SortedNames() {
		if s, t, ok := g.Hidden(n); ok {
			hidden += fmt.Sprintf("%s: %s of %s\n", n, s, t)
		}
	}
	if want := "0.api: 0 of " + app + "\nall.api: all of " + app + "\nbuild.app_x: build of app_x\n"; hidden != want {
		t.Errorf("hidden is\n%s", hidden)
	}
}

func TestMeant(t *testing.T) {
	c, _ := Parse("x.toml", []byte(sample))
	for typed, want := range map[string]string{
		"wbe.clever": "web.clever", "web.clver": "web.clever", "wb.staging": "web.staging", "cleverr": "clever", "WEB.clever": "web.clever",
		"web": "web.clever", "Web": "web.clever", "web.run": "web.run.clever", "app_x": "app_x.clever",
		strings.ToUpper(instance) + ".staging": instance + ".staging", "APP_X.clever": "app_x.clever",
		"": "", "x": "", "wbe": "", "nothing.like.it": "", strings.Repeat("a", 100_000) + ".clever": "",
	} {
		if got, _ := c.Meant(typed); got != want {
			t.Errorf("%.20q probably means %q, want %q", typed, got, want)
		}
	}
	for typed, want := range map[string]bool{"web": true, "Web.clever": true, "web.staging": true, "app_x": true, "wbe": false, "wbe.clever": false, "x": false} {
		if _, sure := c.Meant(typed); sure != want {
			t.Errorf("%q: sure: %v", typed, sure)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"setup", "list", "identity", "dry-run", "all"}
	for typed, want := range map[string]string{
		"setpu": "setup", "SETUP": "setup", "lst": "list", "dryrun": "dry-run", "identiti": "identity",
		"test": "", "a": "", "al": "", "": "", "nosuch": "", strings.Repeat("l", 100_000): "",
	} {
		if got := Nearest(typed, known); got != want {
			t.Errorf("nearest to %.20q is %q, want %q", typed, got, want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("web.clever")
	f.Add("app_x';touch pwned;'.clever")
	f.Add(instance + ".staging")
	c, err := Parse("x.toml", []byte(sample))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, alias string) {
		a, err := c.Resolve(alias)
		if err != nil {
			if meant, _ := c.Meant(alias); meant != "" {
				if _, err := c.Resolve(meant); err != nil {
					t.Errorf("%q probably means %q, which is: %v", alias, meant, err)
				}
			}
			return
		}
		if strings.ContainsFunc(alias, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
		}) || strings.HasPrefix(alias, "-") {
			t.Errorf("Resolve(%q) = %v", alias, a)
		}
		if a.Target != "" {
			if _, err := ParseTarget(string(a.Target)); err != nil {
				t.Error(err)
			}
		}
	})
}
