package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// applications reads a text: ORGANISATION/NAME=ID, separated by commas.
func applications(text string) (list []AccountApplication) {
	for _, word := range strings.Split(text, ",") {
		name, id, ok := strings.Cut(word, "=")
		if owner, name, _ := strings.Cut(name, "/"); ok {
			list = append(list, AccountApplication{ID: Target("app_" + id), Name: name, Organisation: owner})
		}
	}
	return list
}

// short writes names in the form that applications reads, without the organisations.
func short(list []AccountName) string {
	var words []string
	for _, n := range list {
		word := string(n.Name) + "=" + strings.TrimPrefix(string(n.Target), "app_")
		if n.Gone {
			word += " gone"
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

func TestNameAccount(t *testing.T) {
	for _, test := range []struct{ about, chosen, has, named, nameless string }{
		{"slugs", "", "Acme/My App=1,Acme/Café=2,Acme/api.example.com=3", "api-example-com=3,cafe=2,my-app=1", ""},
		{"two with one name", "", "Acme/web=1,Globex/Web=2", "web.acme=1,web.globex=2", ""},
		{"in one organisation", "", "Acme/web=1,Acme/web=2,Acme/api=3", "api=3", "1,2"},
		{"in organisations of one name", "", "Acme/web=1,ACME!/web=2,Globex/web=3", "web.globex=3", "1,2"},
		{"an organisation without a name", "", "/web=1,Acme/web=2", "web.acme=2", "1"},
		{"a dot passes for no organisation", "", "Acme/web=1,Globex/web=2,Other/web.acme=3", "web-acme=3,web.acme=1,web.globex=2", ""},
		{"a person has chosen the same", "web=1", "Acme/web=1", "web=1", ""},
		{"a person has chosen the name for another", "web=9", "Acme/web=1", "web.acme=1", ""},
		{"and the other one, too", "web=9,web.acme=9", "Acme/web=1", "", "1"},
		{"a person has named it", "mine=1", "Acme/web=1,Acme/web=2", "", "2"},
		{"words for instances", "", "Acme/all=1,Acme/any=2,Acme/build=3,Acme/0=4,Acme/999=5,Acme/1000=6", "1000=6", "1,2,3,4,5"},
		{"they begin no name", "", "web/all=1,web/0=2,Acme/0.web=3,Acme/all.web=4", "0-web=3,all-web=4", "1,2"},
		{"run aliases", "", "Acme/run=1,Acme/web.run=2,run/web=3,Acme/web=4", "run.acme=1,web-run=2,web.acme=4", "3"},
		{"the gateway's own", "", "Acme/clever=1,Acme/x.clever=2,Clever/web=3,Acme/web=4", "clever.acme=1,web.acme=4,x-clever=2", "3"},
		{"ids", "", "Acme/app_x=1,Acme/" + instance + "=2", "app-x=1", "2"},
		{"nothing to type", "", "Acme/日本=1,Acme/=2,Acme/...=3,Acme/\x1b[31mred=4,Acme/a\nb=5", "", "1,2,3,4,5"},
		{"too long with the organisation", "", strings.Repeat("o", 40) + "/" + strings.Repeat("n", 40) + "=1,Acme/" + strings.Repeat("n", 40) + "=2",
			strings.Repeat("n", 40) + ".acme=2", "1"},
	} {
		c := Default()
		for _, a := range applications(strings.ReplaceAll("/"+test.chosen, ",", ",/")) {
			c.Gateways[0].Names[Name(a.Name)] = a.ID
		}
		named, rest := c.NameAccount(applications(test.has))
		var nameless []string
		for _, a := range rest {
			nameless = append(nameless, strings.TrimPrefix(string(a.ID), "app_"))
		}
		if got := short(named); got != test.named || strings.Join(nameless, ",") != test.nameless {
			t.Errorf("%s:\n got %s and %v\nwant %s and %s", test.about, got, nameless, test.named, test.nameless)
		}
	}
}

func TestRenewAccount(t *testing.T) {
	for _, test := range []struct {
		about    string
		old, has string
		replace  bool
		list     string
		changes  string
	}{
		{"the first time", "", "/web=1,/api=2", false, "api=2,web=1", "added api=2 added web=1"},
		{"nothing new", "web=1", "/web=1", false, "web=1", ""},
		{"another name", "web=1", "/shop=1", false, "shop=1", "renamed web=shop"},
		{"deleted", "web=1,api=2", "/api=2", false, "api=2", "gone web=1"},
		{"a namesake", "web=1", "Acme/web=1,Globex/web=2", false, "web.acme=1,web.globex=2", "added web.globex=2 renamed web=web.acme"},
		{"a namesake in the same place", "web=1", "Acme/web=1,Acme/web=2", false, "", "renamed web="},
		{"deleted, and made again", "web=1", "/web=2", false, "web=1 gone", "gone web=1 held web=1>2"},
		{"and still", "web=1 gone", "/web=2", false, "web=1 gone", "held web=1>2"},
		{"and taken over", "web=1 gone", "/web=2", true, "web=2", "moved web=1>2"},
		{"and gone for good", "web=1 gone", "/api=3", false, "api=3", "added api=3"},
		{"and back", "web=1 gone", "/web=1", false, "web=1", ""},
		{"a swap", "web=1,api=2", "/web=2,/api=1", false, "api=2,web=1", "held api=2>1 held web=1>2"},
		{"a swap that is wanted", "web=1,api=2", "/web=2,/api=1", true, "api=1,web=2", "moved api=2>1 moved web=1>2"},
		{"a name is handed on", "web=1", "/old=1,/web=2", false, "old=1,web=1", "held web=1>2 renamed web=old"},
		{"and still", "old=1,web=1", "/old=1,/web=2", false, "old=1,web=1", "held web=1>2"},
		{"and is wanted", "old=1,web=1", "/old=1,/web=2", true, "old=1,web=2", "moved web=1>2"},
		{"another account", "web=1,api=2", "/web=7", false, "web=1 gone", "gone web=1 gone api=2 held web=1>7"},
	} {
		var old []AccountName
		for _, a := range applications("/" + strings.ReplaceAll(test.old, ",", ",/")) {
			id, isGone := strings.CutSuffix(string(a.ID), " gone")
			old = append(old, AccountName{Name: Name(a.Name), Target: Target(id), Gone: isGone})
		}
		all := applications(test.has)
		named, _ := Default().NameAccount(all)
		list, c := RenewAccount(old, named, all, test.replace)
		changes := strings.Join(describe(c), " ")
		if got := short(list); got != test.list || changes != test.changes {
			t.Errorf("%s:\n got %s: %s\nwant %s: %s", test.about, got, changes, test.list, test.changes)
		}
	}
}

func describe(c AccountChanges) (words []string) {
	id := func(t Target) string { return strings.TrimPrefix(string(t), "app_") }
	for _, n := range c.Added {
		words = append(words, fmt.Sprintf("added %s=%s", n.Name, id(n.Target)))
	}
	for _, n := range c.Gone {
		words = append(words, fmt.Sprintf("gone %s=%s", n.Name, id(n.Target)))
	}
	for _, n := range c.Held {
		words = append(words, fmt.Sprintf("held %s=%s>%s", n.Name, id(n.Old), id(n.New)))
	}
	for _, n := range c.Moved {
		words = append(words, fmt.Sprintf("moved %s=%s>%s", n.Name, id(n.Old), id(n.New)))
	}
	for _, n := range c.Renamed {
		words = append(words, fmt.Sprintf("renamed %s=%s", n.Old.Name, n.New))
	}
	return words
}

func TestLoadAccount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := []AccountName{{Name: "api", Target: "app_2", Organisation: "Acme \x1b\n\"Corp\""}, {Name: "old", Target: "app_3", Gone: true}, {Name: "web", Target: "app_1"}}
	write(AccountFile(path), string(FormatAccount(list))+"broken\nx y z\napi app_9 \"twice\"\nip app_4 bare\nrun.run app_5 \"\"\nid "+instance+" \"\"\n")
	for text, want := range map[string]map[Name]Target{
		"":                                      {},
		"account = false\n[names]\nweb='app_8'": {"web": "app_8"},
		"account = true":                        {"api": "app_2", "web": "app_1"},
		"account = true\n[names]\nweb='app_8'\nold='app_7'": {"api": "app_2", "web": "app_8", "old": "app_7"},
		"account = true\n[[gateway]]\nvia='socks5://x:1'":   {"api": "app_2", "web": "app_1"},
	} {
		write(path, text)
		_, c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		g := c.Gateways[0]
		if diff := cmp.Diff(want, g.Names); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		for n := range g.Names {
			entry, ok := c.FromAccount(g, n)
			if chosen := strings.Contains(text, string(n)+"="); ok == chosen || ok && entry.Target != g.Names[n] {
				t.Errorf("%q: %s is from the account: %v", text, n, ok)
			}
		}
		if c.Account == AccountYes && !slices.Equal(c.AccountNames, list) {
			t.Errorf("%q: %+v", text, c.AccountNames)
		}
	}
}

// A file that others can write is refused, as the settings are. A missing file holds no names.
func TestLoadAccountOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte("account = true"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, c, err := Load(path); err != nil || len(c.Gateways[0].Names) > 0 {
		t.Fatal(err)
	}
	if err := os.WriteFile(AccountFile(path), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(AccountFile(path), 0o666); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(AccountFile(path)); err != nil || info.Mode().Perm() != 0o666 {
		t.Skip("no modes on this system")
	}
	if _, _, err := Load(path); err == nil {
		t.Error("a file that others can write was read")
	}
}

// Whatever the file holds, what is read from it is valid, and stays the same when it is written and read again.
func FuzzParseAccount(f *testing.F) {
	f.Add(string(FormatAccount([]AccountName{{Name: "web", Target: app, Organisation: "Acme"}, {Name: "api", Target: "app_x", Gone: true}})))
	f.Add("web app_x \"\\\"\"\nweb app_y gone\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		list := ParseAccount([]byte(text))
		for _, n := range list {
			if _, err := ParseName(string(n.Name)); err != nil || !isApplicationID(string(n.Target)) {
				t.Errorf("%+v", n)
			}
		}
		if diff := cmp.Diff(list, ParseAccount(FormatAccount(list)), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever applications are called, each name is legal, stands for one application, and hides nothing that can be
// typed. Applying the result a second time changes nothing, and no name leads elsewhere unless it may.
func FuzzNameAccount(f *testing.F) {
	f.Add("Acme/web=1,Globex/web=2,Acme/all=3", "web=2", "web", uint64(1), true)
	f.Add("Acme/web.acme=1,web/0=2,run/x=3", "x=3", "0.web", uint64(2), false)
	f.Fuzz(func(t *testing.T, has, had, chosen string, seed uint64, replace bool) {
		all := applications(has)
		seen := map[Target]bool{}
		all = slices.DeleteFunc(all, func(a AccountApplication) bool {
			again := seen[a.ID] || !isApplicationID(string(a.ID))
			seen[a.ID] = true
			return again
		})
		c := Default()
		if n, err := ParseName(chosen); err == nil {
			c.Gateways[0].Names[n] = "app_chosen"
		}
		named, nameless := c.NameAccount(all)
		count := map[Name]int{}
		for _, n := range named {
			count[n.Name]++
			first, _, _ := strings.Cut(string(n.Name), ".")
			if _, err := ParseName(string(n.Name)); err != nil || count[n.Name] > 1 || IsSelector(first) || c.GatewayOf(string(n.Name)) != nil || n.Name == Name(chosen) && n.Target != "app_chosen" {
				t.Errorf("%+v", n)
			}
		}
		if len(named)+len(nameless) > len(all) || chosen == "" && len(named)+len(nameless) != len(all) {
			t.Errorf("%d named, %d not, of %d", len(named), len(nameless), len(all))
		}
		mixed := slices.Clone(all)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if again, _ := c.NameAccount(mixed); short(again) != short(named) {
			t.Errorf("in another order: %s; before: %s", short(again), short(named))
		}
		old, _ := Default().NameAccount(applications(had))
		list, changes := RenewAccount(old, named, all, replace)
		before := map[Name]Target{}
		for _, o := range old {
			before[o.Name] = o.Target
		}
		for _, n := range list {
			if t0, ok := before[n.Name]; ok && t0 != n.Target && !replace {
				t.Errorf("%s leads to %s instead of %s", n.Name, n.Target, t0)
			}
		}
		if replace && len(changes.Held) > 0 || !replace && len(changes.Moved) > 0 {
			t.Errorf("replace %v: %+v", replace, changes)
		}
		again, second := RenewAccount(list, named, all, replace)
		second.Held = nil // reported each time
		if short(again) != short(list) || len(describe(second)) > 0 {
			t.Errorf("the second time: %s, %v; before: %s", short(again), describe(second), short(list))
		}
	})
}
