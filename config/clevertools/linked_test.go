package clevertools

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/quote"

	"github.com/google/go-cmp/cmp"
)

const (
	facade   = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	other    = "app_0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
)

// linkFile is what clever-tools writes.
const linkFile = `{
  "apps": [
    {
      "app_id": "` + facade + `",
      "org_id": "orga_858600a8-74f4-4d75-a8a3-f5b868be093c",
      "deploy_url": "https://push-n3-par-clevercloud-customers.services.clever-cloud.com/` + facade + `.git",
      "git_ssh_url": "git+ssh://git@push-n3-par-clevercloud-customers.services.clever-cloud.com/` + facade + `.git",
      "name": "My App",
      "alias": "My-App"
    }
  ],
  "default": "` + facade + `"
}`

// unset removes anything in the test's environment that clever-tools would use.
func unset(t *testing.T) {
	for _, name := range []string{"APP_CONFIGURATION_FILE", "CONFIGURATION_FILE", "SSH_GATEWAY", "CLEVER_TOKEN", "CLEVER_SECRET"} {
		t.Setenv(name, "") // so that it is restored after the test
		os.Unsetenv(name)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParse(t *testing.T) {
	app := func(name, id string) Application {
		return Application{config.Name(name), config.Target(id)}
	}
	for _, test := range []struct {
		about, text string
		apps        []Application
		nameless    []config.Target
	}{
		{about: "as clever-tools writes it", text: linkFile, apps: []Application{app("my-app", facade)}},
		{about: "no application", text: `{"apps":[]}`},
		{about: "nothing at all", text: " {} \n"},
		{about: "null", text: `{"apps":null}`},
		{about: "two", text: `{"apps":[{"app_id":"app_a","alias":"web"},{"alias":"db","app_id":"app_b"}]}`,
			apps: []Application{app("web", "app_a"), app("db", "app_b")}},
		{about: "an alias is kept as it is", text: `{"apps":[{"app_id":"app_a","alias":"A.b_c-9","name":"x"}]}`,
			apps: []Application{app("a.b_c-9", "app_a")}},
		{about: "empty alias", text: `{"apps":[{"app_id":"app_a","alias":"","name":"Web"}]}`, apps: []Application{app("web", "app_a")}},
		{about: "null alias", text: `{"apps":[{"app_id":"app_a","alias":null,"name":"Web"}]}`, apps: []Application{app("web", "app_a")}},
		{about: "no name", text: `{"apps":[{"app_id":"app_a"},{"app_id":"app_b","name":"日本"},{"app_id":"app_a"}]}`,
			nameless: []config.Target{"app_a", "app_b"}},
		{about: "the name is of no interest beside an alias", text: `{"apps":[{"app_id":"app_a","alias":"web","name":"\u001b[2J"}]}`,
			apps: []Application{app("web", "app_a")}},
		{about: "the same twice", text: `{"apps":[{"app_id":"app_a","alias":"web"},{"app_id":"app_a","alias":"WEB"}]}`,
			apps: []Application{app("web", "app_a")}},
		{about: "two names for one", text: `{"apps":[{"app_id":"app_a","alias":"web"},{"app_id":"app_a","alias":"www"}]}`,
			apps: []Application{app("web", "app_a"), app("www", "app_a")}},
		{about: "keys in another case are other keys", text: `{"APPS":3,"apps":[{"APP_ID":1,"app_id":"app_a","Alias":2,"alias":"web"}]}`,
			apps: []Application{app("web", "app_a")}},
		{about: "other keys may repeat", text: `{"x":1,"x":2,"apps":[{"app_id":"app_a","alias":"web","org_id":1,"org_id":2}]}`,
			apps: []Application{app("web", "app_a")}},
		{about: "only our own members are looked for", text: `{"x":{"apps":1},"apps":[{"x":{"alias":1},"app_id":"app_a","alias":"web"}]}`,
			apps: []Application{app("web", "app_a")}},
	} {
		var l Links
		l.parse("file", []byte(test.text))
		if l.Skipped != nil || l.Path != "file" {
			t.Errorf("%s: %q, skipped %v", test.about, l.Path, l.Skipped)
		}
		if diff := cmp.Diff(test.apps, l.Applications); diff != "" {
			t.Errorf("%s: %s", test.about, diff)
		}
		if diff := cmp.Diff(test.nameless, l.Nameless); diff != "" {
			t.Errorf("%s: nameless: %s", test.about, diff)
		}
	}
}

// Each mistake is named, and the rest of the file counts.
func TestParseSkips(t *testing.T) {
	// third puts an entry after two good ones.
	third := func(entry string) string {
		return `{"apps":[{"app_id":"app_a","alias":"a"},{"app_id":"app_b","alias":"b"},` + entry + `]}`
	}
	withAlias := func(alias string) string { return third(`{"app_id":"app_c","name":"c","alias":` + alias + `}`) }
	withName := func(name string) string { return third(`{"app_id":"app_c","name":` + name + `}`) }
	withID := func(id string) string { return third(`{"alias":"c","app_id":` + id + `}`) }
	for _, test := range []struct {
		text string
		want []string // parts of the error
	}{
		{"x", []string{"line 1:"}},
		{"{\n\"apps\": [\n}", []string{"line 3:", "'}'"}},
		{`{"apps":[]`, []string{"unexpected end"}},
		{`{"apps":[]}{}`, []string{"line 1:", "after top-level value"}},
		{"{\"apps\":[]}\n\x1b[2J", []string{"line 2:", `\x1b`}},
		{"\ufeff{}", []string{"line 1:"}},
		{`[]`, []string{"not a JSON object"}},
		{`null`, []string{"not a JSON object"}},
		{`"apps"`, []string{"not a JSON object"}},
		{`{"apps":{}}`, []string{`"apps"`, "object"}},
		{`{"apps":"app_a"}`, []string{`"apps"`, "string"}},
		{`{"apps":[],"apps":[]}`, []string{`"apps" twice`}},
		{`{"apps":[],"\u0061pps":[]}`, []string{`"apps" twice`}},
		{third(`null`), []string{"apps[2]", "not a JSON object"}},
		{third(`"app_c"`), []string{"apps[2]", "not a JSON object"}},
		{third(`{}`), []string{"apps[2]", "no app_id"}},
		{third(`{"app_id":"app_c","app_id":"app_d","alias":"c"}`), []string{"apps[2]", `"app_id" twice`}},
		{third(`{"app_id":"app_c","alias":null,"alias":"c"}`), []string{"apps[2]", `"alias" twice`}},
		{third(`{"app_id":"app_c","name":"c","name":"c"}`), []string{"apps[2]", `"name" twice`}},
		{third(`{"APP_ID":"app_c","alias":"c"}`), []string{"apps[2]", "no app_id"}},
		{third(`{"app_id":"app_c","alias":"A"}`), []string{"apps[0] and apps[2]", `"a"`}},
		{third(`{"app_id":"app_c","name":"B!"}`), []string{"apps[1] and apps[2]", `"b"`}},

		{withID(`null`), []string{"apps[2]", "no app_id"}},
		{withID(`""`), []string{"apps[2]", "no app_id"}},
		{withID(`7`), []string{"apps[2]", `"app_id"`, "number"}},
		{withID(`"` + instance + `"`), []string{"apps[2]", instance, "not an application id"}},
		{withID(`"app_"`), []string{"apps[2]", `"app_"`}},
		{withID(`"APP_x"`), []string{"apps[2]", `"APP_x"`}},
		{withID(`"web"`), []string{"apps[2]", `"web"`}},
		{withID(`"app_c\n"`), []string{"apps[2]", `"app_c\n"`}},
		{withID(`"app_c; id"`), []string{"apps[2]", `"app_c; id"`}},
		{withID(`"app_` + strings.Repeat("c", 500_000) + `"`), []string{"apps[2]", "app_ccc"}},

		{withAlias(`7`), []string{"apps[2]", `"alias"`, "number"}},
		{withAlias(`["c"]`), []string{"apps[2]", `"alias"`, "array"}},
		{withAlias(`false`), []string{"apps[2]", `"alias"`, "bool"}},
		{withAlias(`" "`), []string{"apps[2]", `" "`}},
		{withAlias(`"my app"`), []string{"apps[2]", `"my app"`}},
		{withAlias(`"-oProxyCommand"`), []string{"apps[2]", `its alias "-oProxyCommand": "-oproxycommand"`}},
		{withAlias(`"a\nHost *"`), []string{"apps[2]", `its alias "a\nHost *": "a\nhost *"`}},
		{withAlias(`"c\n"`), []string{"apps[2]", `"c\n"`}},
		{withAlias(`"\u001b]0;x\u0007"`), []string{"apps[2]", `\x1b`}},
		{withAlias(`"$(id)"`), []string{"apps[2]", `"$(id)"`}},
		{withAlias("\"c\xff\""), []string{"apps[2]"}},
		{withAlias(`"web.run"`), []string{"apps[2]", `"web.run"`}},
		{withAlias(`"Web.Run"`), []string{"apps[2]", `"web.run"`}},
		{withAlias(`"APP_x"`), []string{"apps[2]", `"app_x"`}},
		{withAlias(`"` + strings.ToUpper(instance) + `"`), []string{"apps[2]", instance}},
		{withAlias(`"café"`), []string{"apps[2]", `"café"`}},
		{withAlias(`"\u212aube"`), []string{"apps[2]", "ube"}}, // the Kelvin sign is not a k
		{withAlias(`"` + strings.Repeat("a", 64) + `"`), []string{"apps[2]"}},
		{withAlias(`"` + strings.Repeat("é", 250_000) + `"`), []string{"apps[2]"}},

		{withName(`7`), []string{"apps[2]", `"name"`, "number"}},
		{withName(`"c\u001b[2J"`), []string{"apps[2]", `"c\x1b[2J"`}},
		{withName(`"c\n"`), []string{"apps[2]", `"c\n"`}},
		{withName(`"c\u009bm"`), []string{"apps[2]", `"c\u009bm"`}},
		{withName("\"c\xff\""), []string{"apps[2]", "UTF-8"}},
		{withName(`"c\ud800"`), []string{"apps[2]", "UTF-8"}},
		{withName(`"\u0000` + strings.Repeat("c", 500_000) + `"`), []string{"apps[2]"}},
	} {
		var l Links
		l.parse("file", []byte(test.text))
		want := []Application{{"a", "app_a"}, {"b", "app_b"}}
		if !strings.HasPrefix(test.text, third("")[:len(third(""))-2]) { // the whole file is wrong
			want = nil
		}
		if len(test.want) > 0 && strings.Contains(test.want[0], " and ") { // nobody knows which of the two is right
			want = slices.DeleteFunc(want, func(a Application) bool { return test.want[1] == fmt.Sprintf("%q", a.Name) })
		}
		if len(l.Skipped) != 1 || l.Nameless != nil || !slices.Equal(l.Applications, want) {
			t.Errorf("%.200q: %+v", test.text, l)
			continue
		}
		err := l.Skipped[0]
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.200q: %v: does not say %s", test.text, err, want)
			}
		}
		checkMessage(t, err)
	}
}

// checkMessage wants an error that a terminal can print, on one line.
func checkMessage(t *testing.T, err error) {
	t.Helper()
	if len(err.Error()) > 1000 {
		t.Errorf("an error of %d characters", len(err.Error()))
	}
	if quote.Line(err.Error()) != err.Error() {
		t.Errorf("the error is not printable: %q", err)
	}
}

func TestLinked(t *testing.T) {
	unset(t)
	root := t.TempDir()
	top := write(t, filepath.Join(root, ".clever.json"), linkFile)
	below := write(t, filepath.Join(root, "a", "b", ".clever.json"), `{"apps":[]}`)
	named := write(t, filepath.Join(root, "staging.json"), `{"apps":[{"app_id":"app_s","alias":"staging"}]}`)
	deep := filepath.Join(root, "a", "b", "c", "d")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, variable, path, name string }{
		{root, "", top, "my-app"},
		{filepath.Join(root, "a"), "", top, "my-app"},
		{filepath.Join(root, "a", "b"), "", below, ""},
		{deep, "", below, ""},
		{deep, named, named, "staging"},
		{root, filepath.Join(deep, "staging.json"), named, "staging"},
		{filepath.Join(root, "a"), filepath.Join("..", "staging.json"), named, "staging"},
		{filepath.Join(root, "a"), filepath.Join("no", "such", "folder", "staging.json"), named, "staging"},
		{deep, "no file in any folder has such a name.json", "", ""},
	} {
		t.Setenv("APP_CONFIGURATION_FILE", test.variable)
		l := Linked(test.dir, os.Getuid())
		if l.Skipped != nil || l.Path != test.path || l.Nameless != nil || (len(l.Applications) > 0) != (test.name != "") {
			t.Errorf("%+v: %+v", test, l)
		} else if len(l.Applications) > 0 && string(l.Applications[0].Name) != test.name {
			t.Errorf("%+v: %+v", test, l)
		}
	}

	t.Setenv("APP_CONFIGURATION_FILE", "")
	t.Chdir(deep)
	if l := Linked(".", os.Getuid()); l.Skipped != nil || !filepath.IsAbs(l.Path) {
		t.Errorf("in the current folder: %+v", l)
	}
}

// A file that is there but of no use ends the search: the one above belongs to another project.
func TestLinkedRefuses(t *testing.T) {
	unset(t)
	root := t.TempDir()
	write(t, filepath.Join(root, ".clever.json"), linkFile)
	dir := filepath.Join(root, "project")
	file := filepath.Join(dir, ".clever.json")
	refused := func(want ...string) {
		t.Helper()
		l := Linked(dir, os.Getuid())
		if len(l.Skipped) != 1 || l.Applications != nil || l.Nameless != nil {
			t.Errorf("%+v; want an error", l)
			return
		}
		err := l.Skipped[0]
		for _, part := range append(want, file) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: does not say %s", err, part)
			}
		}
		checkMessage(t, err)
	}
	write(t, file, "")
	refused("empty")
	write(t, file, `{"apps":[{}]}`)
	refused("apps[0]")
	write(t, file, "{}"+strings.Repeat(" ", maxFile-1))
	refused("larger")
	write(t, file, "{}"+strings.Repeat(" ", maxFile-2))
	if l := Linked(dir, os.Getuid()); l.Skipped != nil || l.Path != file {
		t.Errorf("a file of the largest size: %+v", l)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("regular")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(linkFile))
	for _, seed := range []string{
		`{"apps":[{"app_id":"app_a","name":"Café.run"},{"app_id":"app_b","alias":null,"name":"App_x"}]}`,
		`{"apps":[{"app_id":"app_a","alias":"x"},{"app_id":"app_a","alias":"X"},{"app_id":"app_b","name":"日本"}]}`,
		`{"apps":[{"app_id":"app_a","alias":"x"},{"app_id":"app_b","alias":"X"}]}`,
		`{"apps":[{"app_id":"` + instance + `"}],"apps":[]} x`,
		`{"apps":[{"app_id":"app_a","name":"` + instance + `"}]}`,
		`{"apps":[null,7,"\ud800",{"alias":"a\nb"}]}`,
		`{"apps":[{"app_id":"app_a","name":"` + strings.Repeat("é", 70) + `.run"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var l Links
		l.parse("file", text)
		for _, err := range l.Skipped {
			checkMessage(t, err)
		}
		seen := map[config.Name]bool{}
		targets := l.Nameless
		for _, app := range l.Applications {
			if name, err := config.ParseName(string(app.Name)); err != nil || name != app.Name || seen[name] {
				t.Errorf("the name %q: %v", app.Name, err)
			}
			seen[app.Name] = true
			targets = append(targets, app.Target)
		}
		for _, target := range targets {
			if got, err := config.ParseTarget(string(target)); err != nil || got != target || !strings.HasPrefix(string(got), "app_") {
				t.Errorf("the target %q: %v", target, err)
			}
		}
	})
}

// A file of the largest size must not take long, whatever it holds.
func TestParseLargest(t *testing.T) {
	list := func(n int) []byte {
		return []byte(`{"apps":[` + strings.Repeat(`{"app_id":"app_x"},`, n-1) + `{"app_id":"app_x"}]}`)
	}
	parsed := func(text []byte) (l Links) { l.parse("file", text); return l }
	if l := parsed(list(maxApplications)); l.Skipped != nil || len(l.Nameless) == 0 {
		t.Errorf("%+v", l)
	}
	if l := parsed(list(maxApplications + 1)); len(l.Skipped) != 1 || !strings.Contains(l.Skipped[0].Error(), "more than 100 applications") {
		t.Error(l.Skipped)
	}
	deep := strings.Repeat("[", maxFile/2) + strings.Repeat("]", maxFile/2)
	if l := parsed([]byte(deep)); len(l.Skipped) != 1 {
		t.Error("no error for a list in a list in a list …")
	}
}
