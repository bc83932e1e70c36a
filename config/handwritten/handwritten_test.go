package handwritten

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clever-ssh/config"
	"clever-ssh/internal/test"
)

const (
	host = "sshgateway-clevercloud-customers.services.clever-cloud.com"
	app  = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	inst = "0123abcd-4567-89ab-cdef-0123456789ab"

	leads = "HostName " + host + "\n"
	asks  = "RemoteCommand " + app + "\n"
)

// gateways are the built-in one, and two that share a host.
var gateways = `
[[gateway]]
suffix = "staging"
address = "ssh@gw.example:2222"
pins = ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
[[gateway]]
suffix = "test"
address = "ssh@gw.example"
pins = ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
`

func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("clever-ssh.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// find searches one text, which includes nothing.
func find(t testing.TB, text string) []Entry {
	t.Helper()
	entries, unread := Find("/nonexistent/config", []byte(text), "/nonexistent", "", parse(t, gateways))
	if unread != nil {
		t.Error(unread)
	}
	return entries
}

var texts = []struct {
	title, text string
	want        []string // alias, line, name, target, suffix
	unlike      bool     // ssh itself reads it differently, or not at all
}{
	{title: "empty", text: ""},
	{title: "as the documentation has it", text: "Host prod\n    " + leads + "    User ssh\n    RequestTTY yes\n    " + asks,
		want: []string{"prod 5 prod " + app + " clever"}},
	{title: "an instance", text: "Host prod\n" + leads + "RemoteCommand " + inst + "\n", want: []string{"prod 3 prod " + inst + " clever"}},
	{title: "the command first, no final newline", text: "Host prod\n" + asks + "HostName " + host, want: []string{"prod 2 prod " + app + " clever"}},
	{title: "CRLF", text: "# mine\r\n\r\nHost prod\r\n\tHostName " + host + "\r\n\tRemoteCommand " + app + "\r\n", want: []string{"prod 5 prod " + app + " clever"}},
	{title: "CRLF in some lines", text: "Host prod\n\tHostName " + host + "\r\n\tRemoteCommand " + app + "\r", want: []string{"prod 3 prod " + app + " clever"}},
	{title: "tabs", text: "\tHost\tprod\tother\n\t\tHostName\t" + host + "\t\n\tRemoteCommand \t " + app + " \t\n", want: []string{"prod 3 prod " + app + " clever"}},
	{title: "=", text: "Host=prod\nHostName = " + host + "\nRemoteCommand\t=\t" + app + "\n", want: []string{"prod 3 prod " + app + " clever"}},
	{title: "quotes", text: "Host \"prod\" other\nHostName \"" + host + "\"\nRemoteCommand " + app + "\nPort \"22\"\n", want: []string{"prod 3 prod " + app + " clever"}},
	{title: "a quoted command", text: "Host prod\n" + leads + "RemoteCommand \" " + app + " \"\n", want: []string{"prod 3 prod " + app + " clever"}, unlike: true},
	{title: "odd case", text: "hOST Prod_EU\nHOSTNAME " + strings.ToUpper(host) + ".\nremotecommand " + app + "\n", want: []string{"Prod_EU 3 prod_eu " + app + " clever"}},
	{title: "comments", text: "#Host no\nHost prod # other\n" + "  # RemoteCommand app_no\n" + leads + asks, want: []string{"prod 5 prod " + app + " clever"}},
	{title: "a comment after the command", text: "Host prod\n" + leads + "RemoteCommand " + app + " # mine\n", want: []string{"prod 3 prod " + app + " clever"}, unlike: true},
	{title: "the alias cannot be a name", text: "Host clé\n" + leads + asks + "Host app_x\n" + leads + asks,
		want: []string{"clé 3  " + app + " clever", "app_x 6  " + app + " clever"}},
	{title: "several patterns", text: "Host *.x !no prod second\n" + leads + asks, want: []string{"prod 3 prod " + app + " clever"}},
	{title: "wildcards only", text: "Host * pr?d !no\n" + leads + asks},
	{title: "no Host at all", text: leads + asks},
	{title: "a Host without patterns", text: "Host prod\n" + leads + "Host\n" + asks, unlike: true},
	{title: "patterns that no host has", text: "Host \"a b\" a#b \"\" prod\n" + leads + asks, want: []string{"prod 3 prod " + app + " clever"}, unlike: true},
	{title: "a quote that is not closed", text: "Host prod \"other\n" + leads + asks, unlike: true},

	{title: "no command", text: "Host prod\n" + leads},
	{title: "another command", text: "Host prod\n" + leads + "RemoteCommand htop\n"},
	{title: "a target and more", text: "Host prod\n" + leads + "RemoteCommand " + app + " ls\n"},
	{title: "another host", text: "# " + host + "\nHost prod\nHostName x" + host + "\n" + asks},
	{title: "an alias of our own", text: "Host prod.clever\n" + leads + asks, want: []string{"prod.clever 3 prod " + app + " clever"}},

	{title: "port 22", text: "Host prod\nPort 22\n" + leads + asks, want: []string{"prod 4 prod " + app + " clever"}},
	{title: "another port", text: "Host prod\nPort 2222\n" + leads + asks},
	{title: "no port", text: "Host prod\nPort x\n" + leads + asks, unlike: true},
	{title: "the port decides", text: "Host a\nHostName gw.example\nPort 2222\n" + asks + "Host b\nHostName gw.example\n" + asks + "Host c\nHostName gw.example\nPort 7\n" + asks,
		want: []string{"a 4 a " + app + " staging", "b 7 b " + app + " test"}},

	{title: "values of another block", text: "Host prod dev\n" + leads + "Host prod\n" + asks + "Host dev\nRemoteCommand " + inst + "\n",
		want: []string{"prod 4 prod " + app + " clever", "dev 6 dev " + inst + " clever"}},
	{title: "values of a wildcard", text: "Host prod\n" + asks + "Host dev\nRemoteCommand " + inst + "\nPort 22\nHost p*d\nPort 7\nHost *\n" + leads,
		want: []string{"dev 4 dev " + inst + " clever"}},
	{title: "values above the first Host", text: leads + "Host prod\nHostName other\n" + asks, want: []string{"prod 4 prod " + app + " clever"}},
	{title: "values of all but one", text: "Host * !prod\n" + leads + "Host prod\n" + asks + "Host dev\n" + asks, want: []string{"dev 6 dev " + app + " clever"}},
	{title: "the first value counts", text: "Host prod\n" + leads + "RemoteCommand none\nHost prod\n" + asks + "Host dev\nHostName other\nHostName " + host + "\n" + asks},
	{title: "an alias twice", text: "Host prod\n" + leads + asks + "Host prod\n" + leads + "RemoteCommand " + inst + "\n", want: []string{"prod 3 prod " + app + " clever"}},
	{title: "a name twice", text: "Host prod\n" + leads + asks + "Host PROD\n" + leads + "RemoteCommand " + inst + "\n",
		want: []string{"prod 3 prod " + app + " clever", "PROD 6 prod " + inst + " clever"}},

	{title: "Match between", text: "Match exec \"false\"\nPort 7\nHost prod\n" + leads + asks + "Match originalhost prod user git\nPort 7\nMatch final host prod\nPort 7\nMatch Host prod\n" + asks + "Match user \"nobody-such\"\nPort 7\n",
		want: []string{"prod 5 prod " + app + " clever"}},
	{title: "Match all", text: "Host prod\n" + asks + "MATCH\tall\n" + leads, want: []string{"prod 2 prod " + app + " clever"}},
	{title: "Match without anything", text: "Match\nPort 7\nHost prod\n" + leads + asks, want: []string{"prod 5 prod " + app + " clever"}, unlike: true},
}

func TestFind(t *testing.T) {
	for _, test := range texts {
		t.Run(test.title, func(t *testing.T) {
			var got []string
			for _, e := range find(t, test.text) {
				got = append(got, fmt.Sprintf("%s %d %s %s %s", e.Alias, e.Line, e.Name, e.Target, e.Suffix))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Find finds what ssh would do.
func TestSSHAgrees(t *testing.T) {
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	for _, test := range texts {
		if test.unlike {
			continue
		}
		t.Run(test.title, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			write(t, file, test.text)
			for _, e := range find(t, test.text) {
				out, err := exec.Command(ssh, "-G", "-F", file, e.Alias).CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				g := parse(t, gateways).Gateway(e.Suffix)
				for _, want := range []string{"hostname " + g.Address.Host, fmt.Sprintf("port %d", g.Address.Port), "remotecommand " + string(e.Target)} {
					if !strings.Contains(strings.ToLower("\n"+string(out)), "\n"+want) {
						t.Errorf("ssh has not %q for %s:\n%s", want, e.Alias, out)
					}
				}
			}
		})
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// entry is the text of a whole entry.
func entry(alias string) string { return "Host " + alias + "\n" + leads + asks }

// findIn searches home/.ssh/config, and returns "file:line alias" with files relative to home.
func findIn(t testing.TB, home string) (list []string, unread []error) {
	t.Helper()
	folder := filepath.Join(home, ".ssh")
	file := filepath.Join(folder, "config")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries, unread := Find(file, text, folder, filepath.Join(folder, "clever"), config.Default())
	for _, e := range entries {
		path, err := filepath.Rel(home, e.File)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s:%d %s", filepath.ToSlash(path), e.Line, e.Alias))
	}
	return list, unread
}

func TestIncludes(t *testing.T) {
	for _, test := range []struct {
		title string
		files map[string]string
		want  []string
	}{
		{"relative, ~ and absolute", map[string]string{
			".ssh/config":   "Include one\nInclude ~/two HOME/three\n",
			".ssh/one":      entry("one"),
			"two":           entry("two"),
			"three":         entry("three"),
			".ssh/notthere": entry("no"),
		}, []string{".ssh/one:3 one", "two:3 two", "three:3 three"}},
		{"as written by hand", map[string]string{
			".ssh/config": "\tinclude=\"a b\" 'c' # d\r\nINCLUDE = d\\ e\r\nInclude \"f\n#Include f\n",
			".ssh/a b":    entry("ab"), ".ssh/c": entry("c"), ".ssh/d": entry("d"), ".ssh/d e": entry("de"), ".ssh/f": entry("f"),
		}, []string{".ssh/a b:3 ab", ".ssh/c:3 c", ".ssh/d e:3 de"}},
		{"globs", map[string]string{
			".ssh/config":        "Include conf.d/* nosuch/* [ conf.d/.b*\n",
			".ssh/conf.d/2":      entry("two"),
			".ssh/conf.d/1":      entry("one"),
			".ssh/conf.d/.1.swp": entry("hidden"),
			".ssh/conf.d/.b":     entry("wanted"),
			".ssh/conf.d/sub/3":  entry("three"),
		}, []string{".ssh/conf.d/1:3 one", ".ssh/conf.d/2:3 two", ".ssh/conf.d/.b:3 wanted"}},
		{"in the order of ssh", map[string]string{
			".ssh/config": entry("a") + "Host b\n  Include more\n" + leads + asks + entry("c"),
			".ssh/more":   entry("c") + entry("a") + entry("d"),
		}, []string{".ssh/config:3 a", ".ssh/more:3 c", ".ssh/more:9 d", ".ssh/config:7 b"}},
		{"a loop", map[string]string{
			".ssh/config": "Include config one ./one ../.ssh/*\n" + entry("a"),
			".ssh/one":    "Include config one\n" + entry("b"),
		}, []string{".ssh/one:4 b", ".ssh/config:4 a"}},
		{"through files that do not matter", map[string]string{
			".ssh/config": "Match exec \"exit 1\"\nInclude one\n",
			".ssh/one":    "Match exec \"exit 1\"\nInclude two\n",
			".ssh/two":    "Match exec \"exit 1\"\n" + entry("a"),
		}, []string{".ssh/two:4 a"}},
		{"our own", map[string]string{
			".ssh/config":        "Include clever/config\n" + entry("a") + "Include ~/.ssh/clever/* HOME/.ssh/../.ssh/clever/config mine\n",
			".ssh/clever/config": entry("b"),
			".ssh/clever/match":  entry("c"),
			".ssh/mine":          "Include clever/config\n" + entry("d"),
		}, []string{".ssh/config:4 a", ".ssh/mine:4 d"}},
	} {
		t.Run(test.title, func(t *testing.T) {
			home := t.TempDir()
			for path, text := range test.files {
				write(t, filepath.Join(home, path), strings.ReplaceAll(text, "HOME", filepath.ToSlash(home)))
			}
			got, unread := findIn(t, home)
			if diff := cmp.Diff(test.want, got); diff != "" || unread != nil {
				t.Error(diff, unread)
			}
		})
	}
}

func TestIncludesAreBounded(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, ".ssh/config"), "Include 1\n")
	for i := 1; i <= 20; i++ {
		write(t, filepath.Join(home, ".ssh", fmt.Sprint(i)), fmt.Sprintf("Include %d\n%s", i+1, entry(fmt.Sprint("a", i))))
	}
	if list, unread := findIn(t, home); len(list) != 16 || list[0] != ".ssh/16:4 a16" || unread != nil {
		t.Error(list, unread)
	}

	write(t, filepath.Join(home, ".ssh/config"), entry("first")+"Include many/*\nInclude 20\n"+entry("last"))
	for i := range 1002 {
		write(t, filepath.Join(home, ".ssh/many", fmt.Sprint(i)), entry(fmt.Sprint("a", i)))
	}
	list, unread := findIn(t, home)
	if len(list) != 1002 || list[0] != ".ssh/config:3 first" || list[1001] != ".ssh/config:8 last" || len(unread) != 1 {
		t.Error(len(list), unread)
	}
}

func TestUnread(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, ".ssh/config")
	long := "Host " + strings.Repeat("a ", 2048) + "\n"
	large := strings.Repeat("#\n", maxSize/2)
	for _, test := range []struct {
		title, matters, other string
	}{
		{"a long line", entry("b") + long, "Host *\n" + long},
		{"many patterns", entry("b") + strings.Repeat(long[:2000]+"\n", 60), strings.Repeat(long[:2000]+"\n", 60)},
		{"too large", entry("b") + large, large + "\n"},
	} {
		t.Run(test.title, func(t *testing.T) {
			write(t, config, "Include \"x*y\"\n"+entry("a"))
			write(t, filepath.Join(home, ".ssh/x\x1b[2Jy"), test.matters)
			list, unread := findIn(t, home)
			if len(unread) != 1 || strings.ContainsRune(unread[0].Error(), '\x1b') || !strings.Contains(unread[0].Error(), `x\x1b[2Jy": `) {
				t.Errorf("%q", unread)
			}
			if diff := cmp.Diff([]string{".ssh/config:4 a"}, list); diff != "" {
				t.Error(diff)
			}

			write(t, filepath.Join(home, ".ssh/x\x1b[2Jy"), test.other)
			if _, unread := findIn(t, home); unread != nil {
				t.Error(unread)
			}
			write(t, config, test.matters)
			if list, unread := findIn(t, home); len(unread) != 1 || list != nil {
				t.Error(list, unread)
			}
		})
	}
}

// A huge file that is included takes no memory.
func TestHugeInclude(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, ".ssh/config"), "Include huge\n"+entry("a"))
	test.HugeFile(t, filepath.Join(home, ".ssh/huge"), entry("b"))
	allocated := test.Allocated(func() {
		list, unread := findIn(t, home)
		if len(list) != 1 || len(unread) != 1 || !strings.HasSuffix(unread[0].Error(), fmt.Sprintf(`/huge": it is larger than %d bytes`, maxSize)) {
			t.Error(list, unread)
		}
	})
	if allocated > 16*maxSize {
		t.Errorf("it takes %d bytes", allocated)
	}
}

// manyHosts is a configuration of ten thousand hosts, each made by entry.
func manyHosts(entry func(i int) string) []byte {
	var b bytes.Buffer
	for i := range 10_000 {
		b.WriteString(entry(i))
	}
	return b.Bytes()
}

func elsewhere(i int) string {
	return fmt.Sprintf("Host host%d h%d.example.com\n    HostName 10.0.0.%d\n    User me\n    IdentityFile ~/.ssh/id_%d\n\n", i, i, i%256, i)
}

func shared(i int) string {
	return fmt.Sprintf("Host prod%d prod%d.*\n    RemoteCommand app_%d\n", i, i, i)
}

func TestTenThousand(t *testing.T) {
	test.Slow(t)
	few := func(i int) string {
		if i%100 == 0 {
			return shared(i)
		}
		return elsewhere(i)
	}
	for _, test := range []struct {
		title        string
		text         []byte
		want, unread int
	}{
		{"elsewhere", manyHosts(elsewhere), 0, 0},
		{"elsewhere, and an entry", append(manyHosts(elsewhere), entry("prod")...), 1, 0},
		{"a hundred entries with a common host", append(manyHosts(few), "Host prod*\n"+leads...), 100, 0},
		{"more entries than anybody writes", manyHosts(func(i int) string { return entry(fmt.Sprint("prod", i)) }), 0, 1},
	} {
		t.Run(test.title, func(t *testing.T) {
			entries, unread := Find("/nonexistent/config", test.text, "/nonexistent", "", config.Default())
			if len(entries) != test.want || len(unread) != test.unread {
				t.Errorf("%d entries, %v", len(entries), unread)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, test := range texts {
		f.Add(test.text)
	}
	f.Add("Include one \"two\" 'three' # four\nInclude=*\n" + entry("!") + entry("-x") + entry(`a\ b`) + entry("a\x00") + entry("\xff"))
	f.Add("Host\rprod\r\nHostName==" + host + "\nRemoteCommand \n\rRemoteCommand\r" + app + "\n")
	f.Add("Host " + strings.Repeat("*?", 100) + " a\n" + leads + asks + "Match all #\n")
	c := parse(f, gateways)
	folder := f.TempDir()
	file := filepath.Join(folder, "config")
	write(f, filepath.Join(folder, "one"), "Include *\n"+entry("one"))
	f.Fuzz(func(t *testing.T, text string) {
		text += "\n# " + host // without this the library would see little
		_, includes := digest([]byte(text), false)
		for _, in := range includes {
			if strings.ContainsAny(strings.Join(in.patterns, " "), `/\:`) {
				t.Skip("it might read anything on this machine")
			}
		}
		entries, unread := Find(file, []byte(text), folder, "", c)
		for _, err := range unread {
			if strings.ContainsAny(err.Error(), "\x1b\n\r") {
				t.Errorf("%q", err)
			}
		}
		lines, seen, last := strings.Count(text, "\n")+1, map[string]bool{}, 0
		for _, e := range entries {
			if _, err := config.ParseTarget(string(e.Target)); err != nil {
				t.Error(err)
			}
			if _, err := config.ParseName(string(e.Name)); e.Name != "" && err != nil {
				t.Error(err)
			}
			if e.Alias == "" || seen[e.Alias] || c.Gateway(e.Suffix) == nil {
				t.Errorf("%+v", e)
			}
			seen[e.Alias] = true
			if e.File != file {
				continue
			}
			if !strings.Contains(text, e.Alias) && !strings.ContainsAny(text, `"'\`) {
				t.Errorf("%+v: not in this text", e)
			}
			if e.Line <= last || e.Line > lines || !strings.Contains(strings.ToLower(strings.Split(text, "\n")[e.Line-1]), "remotecommand") {
				t.Errorf("%+v: not on this line", e)
			}
			last = e.Line
		}
	})
}
