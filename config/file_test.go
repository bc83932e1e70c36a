package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

func TestParseErrorsNameLineAndRemedy(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"adress = 1", `x.toml:1: unknown key "adress"; the file can contain [[gateway]], [names], account, ssh-config and putty`},
		{"\nputty = true", "x.toml:2: putty must be a string"},
		{"\ufeffputty = 'no'", "x.toml:1: it begins with a byte order mark: save the file without one"},
		{"putty = 'perhaps'", `x.toml:1: putty must be auto, yes or no, not "perhaps"`},
		{"\n[[gateway]]\nadress = 'x'", `x.toml:3: unknown key "adress" in [[gateway]]; it can contain suffix, address, pins, identity, via, instances, outpost, keep and [gateway.names]`},
		{"[gateway]\nsuffix = 'x'", `x.toml:1: write [[gateway]], in double brackets`},
		{"gateway = [{suffix = 'x'}]", "x.toml:1: write each gateway as its own table"},
		{"[nmaes]", "x.toml:1: unknown table [nmaes]"},
		{"[[names]]", "x.toml:1: write [names], in single brackets"},
		{"[[gateway]]\nport = 22", `x.toml:2: unknown key "port" in [[gateway]]`},
		{"[[gateway]]\nsuffix = 'a'\naddress = 'gw.example'", "x.toml:1: the gateway at ssh@gw.example needs pins"},
		{"[[gateway]]\naddress = 'ssh@sshgateway-clevercloud-customers.services.clever-cloud.com:23'", "needs pins"},
		{"[[gateway]]\naddress = 'ssh@gw:99999'", "x.toml:2: \"ssh@gw:99999\" is not a gateway address: its port"},
		{"[[gateway]]\npins = ['" + pinRSA + "',\n 'SHA256:short']", `x.toml:3: "SHA256:short" is not a host key fingerprint`},
		{"[[gateway]]\npins = []", "x.toml:2: pins must be a list"},
		{"[[gateway]]\npins = [1]", "x.toml:2: pins must be a list of strings"},
		{"[[gateway]]\npins = '" + pinRSA + "'", "x.toml:2: pins must be a list"},
		{"[[gateway]]\nsuffix = 3", "x.toml:2: suffix must be a string in quotes"},
		{"[[gateway]]\nsuffix = 'Bad Suffix'", `x.toml:2: "Bad Suffix" is not a valid suffix`},
		{"[[gateway]]\nidentity = 'id_rsa'", "x.toml:2: identity must be an absolute path"},
		{"[[gateway]]\nidentity = \"/a\\nProxyCommand x\"", "x.toml:2: identity"},
		{"[[gateway]]\noutpost = 'yes'", `x.toml:2: outpost must be auto or no, not "yes"`},
		{"[[gateway]]\nkeep = 'long'", `x.toml:2: keep must be a duration such as "10m" (at most "24h"), or 0, not "long"`},
		{"[[gateway]]\nkeep = -1", `x.toml:2: keep must be a duration such as "10m" (at most "24h"), or 0, not "-1"`},
		{"[[gateway]]\nkeep = '25h'", `x.toml:2: keep must be a duration such as "10m" (at most "24h"), or 0, not "25h"`},
		{"[[gateway]]\nkeep = true", `x.toml:2: keep must be a duration such as "10m" (at most "24h"), or 0, not "true"`},
		{"[[gateway]]\ninstances = 'first'", `x.toml:2: instances must be auto or ask, not "first"`},
		{"[[gateway]]\nvia = 'ftp://x:1'", "x.toml:2: the value of via is not a proxy address"},
		{"[[gateway]]\n[[gateway]]\nsuffix = 'clever'", `x.toml:2: two gateways have the suffix "clever"`},
		{"[[gateway]]\nsuffix = 'staging.clever'", `x.toml:1: the suffixes "staging.clever" and "clever" overlap`},
		{"[[gateway]]\n[gateway.names]\nweb = 'app_x'", `x.toml:1: names for the suffix "clever" belong in [names]`},
		{"[names]\nweb = 'ls -l'", `x.toml:2: "ls -l" is neither an application id`},
		{"[names]\nweb = 3", "x.toml:2: web must be a string"},
		{"[names]\n'a b' = 'app_x'", `x.toml:2: "a b" is not a valid name`},
		{"[names]\n\nweb = 'app_x'\nweb = 'app_y'", "x.toml:4: "},
		{"[names]\nweb = { a = 'app_x' }", "x.toml:2: unknown key"},
		{"ssh-config = 'relative'", "x.toml:1: ssh-config must be an absolute path"},
		{"account = 'yes'", "x.toml:1: account must be true or false, without quotes"},
		{"\n\nnot toml", "x.toml:3: "},
	} {
		_, err := Parse("x.toml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestParseSpellings(t *testing.T) {
	for _, text := range []string{
		"[names]\nweb = 'app_x'", "names.web = 'app_x'", "names = { web = \"app_x\" }", "[names]\r\n\"web\" = '''app_x''' # comment\r\n",
	} {
		c, err := Parse("x.toml", []byte(text))
		if err != nil || c.Gateways[0].Names["web"] != "app_x" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A gateway goes with everything that belongs to it, and every other byte stays.
func TestDropGateway(t *testing.T) {
	const gw = "[[gateway]]\nsuffix = 'staging'\naddress = 'gw.example'\npins = ['" + pinRSA + "',\n  '" + pinED25519 + "'] # both\n"
	for _, c := range []struct{ before, want string }{
		{gw, ""},
		{Marker + "\n\n" + gw, Marker + "\n"},
		{"# mine\n" + gw, "# mine\n"},
		{"[names]\nweb = 'app_x'\n\n" + gw, "[names]\nweb = 'app_x'\n"},
		{"[names]\nweb = 'app_x' # w\n\n# the other one\n" + gw + "# via = 'x'\n\n[gateway.names]\nweb = 'app_y'\n# last\n", "[names]\nweb = 'app_x' # w\n"},
		{gw + "\n# of clever\n[names]\nweb = 'app_x'\n", "# of clever\n[names]\nweb = 'app_x'\n"},
		{gw + "# of clever\n[names]\nweb = 'app_x'\n", "# of clever\n[names]\nweb = 'app_x'\n"},
		{"[[gateway]]\nidentity = '/k'\n\n" + gw + "\n# apart\n\n[names]\nweb = 'app_x'\n", "[[gateway]]\nidentity = '/k'\n\n# apart\n\n[names]\nweb = 'app_x'\n"},
		{gw + "[names]\nweb = 'app_x'\n[gateway.names]\nweb = 'app_y'\n", "[names]\nweb = 'app_x'\n"},
		{strings.Replace(gw, "staging", "a", 1) + "\n" + gw + "\n" + strings.Replace(gw, "staging", "b", 1) + "names.web = 'app_y'\n",
			strings.Replace(gw, "staging", "a", 1) + "\n" + strings.Replace(gw, "staging", "b", 1) + "names.web = 'app_y'\n"},
		{gw + "names.web = 'app_y'", ""},
		{strings.ReplaceAll("putty = 'no'\n\n"+gw+"\n[names]\n", "\n", "\r\n"), "putty = 'no'\r\n\r\n[names]\r\n"},
	} {
		got, after, err := Apply("x.toml", []byte(c.before), Edit{Suffix: "staging", Drop: true})
		if err != nil || after.Gateway("staging") != nil {
			t.Errorf("%v: %s", err, c.before)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s\n%s", c.before, diff)
		}
	}

	// It is as if it had never been added.
	for _, before := range []string{Marker + "\n\n[names]\nweb = \"app_x\"\n", "# mine\nputty = 'no'\n", "[[gateway]]\nidentity = '/k'\n\n[names]\nweb = 'app_x' # w\n"} {
		address, _ := ParseAddress("gw.example")
		text, _, err := Apply("x.toml", []byte(before), Edit{Suffix: "staging", Address: address, Pins: []Pin{mustPin(pinRSA)}, Names: map[Name]Target{"a": "app_y", "b": "app_z"}})
		if err == nil {
			text, _, err = Apply("x.toml", text, Edit{Suffix: "staging", Drop: true})
		}
		if diff := cmp.Diff(before, string(text)); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	if _, _, err := Apply("x.toml", []byte("[[gateway]]\nidentity = '/k'\n"), Edit{Drop: true}); !errors.Is(err, ErrBuiltIn) {
		t.Errorf("the built-in gateway: %v", err)
	}
	if _, _, err := Apply("x.toml", nil, Edit{Suffix: "staging", Drop: true}); err == nil {
		t.Error("a gateway that is not there was taken out")
	}
}

func TestApply(t *testing.T) {
	pin, _ := ParsePin(otherPin)
	gw := Address{"ssh", "gw.example", 2222}
	names := map[Name]Target{"web": "app_x", "a.b": "app_y"}
	via, _ := ParseVia("http://me:a%22%5Cb%20c@proxy:3128")
	for _, c := range []struct {
		title, before string
		edit          Edit
		after         string
	}{
		{"names into an empty file", "", Edit{Names: names}, "[names]\n\"a.b\" = \"app_y\"\nweb = \"app_x\"\n"},
		{"names after the last one, comments kept", "# mine\n[names] # n\n# first\ndb = 'app_z' # z\n# end\n\n[[gateway]]\n", Edit{Names: map[Name]Target{"web": "app_x"}},
			"# mine\n[names] # n\n# first\ndb = 'app_z' # z\nweb = \"app_x\"\n# end\n\n[[gateway]]\n"},
		{"no last line feed", "[names]\ndb = 'app_z'", Edit{Names: map[Name]Target{"web": "app_x"}}, "[names]\ndb = 'app_z'\nweb = \"app_x\"\n"},
		{"CRLF", "[names]\r\ndb = 'app_z'\r\n", Edit{Names: map[Name]Target{"web": "app_x"}}, "[names]\r\ndb = 'app_z'\r\nweb = \"app_x\"\r\n"},
		{"a name that is there already", "[names]\nweb = 'app_x'", Edit{Names: map[Name]Target{"web": "app_x"}}, "[names]\nweb = 'app_x'"},
		{"a gateway's address and pins", "[names]\n", Edit{Address: gw, Pins: []Pin{pin}, Identity: "~/.ssh/id"},
			"[names]\n\n[[gateway]]\nsuffix = \"clever\"\naddress = \"ssh@gw.example:2222\"\npins = [\"" + otherPin + "\"]\nidentity = \"~/.ssh/id\"\n"},
		{"a proxy", "[[gateway]]\nvia = 'socks5://old:1'\n", Edit{Via: via}, "[[gateway]]\nvia = \"http://me:a%22%5Cb%20c@proxy:3128\"\n"},
		{"the same proxy", "[[gateway]]\nvia = 'http://me:a%22%5cb%20c@proxy:3128'\n", Edit{Via: via}, "[[gateway]]\nvia = 'http://me:a%22%5cb%20c@proxy:3128'\n"},
		{"an address replaced where it stands", "[[gateway]]\naddress = 'a@b' # old\npins = ['" + pinRSA + "',\n'" + pinED25519 + "']\n", Edit{Address: gw, Pins: []Pin{pin}},
			"[[gateway]]\naddress = \"ssh@gw.example:2222\" # old\npins = [\"" + otherPin + "\"]\n"},
		{"another suffix, with names", "[[gateway]]\nidentity = '~/k'\n", Edit{Suffix: "staging", Address: gw, Pins: []Pin{pin}, Names: map[Name]Target{"web": "app_x"}},
			"[[gateway]]\nidentity = '~/k'\n\n[[gateway]]\nsuffix = \"staging\"\naddress = \"ssh@gw.example:2222\"\npins = [\"" + otherPin + "\"]\n\n[gateway.names]\nweb = \"app_x\"\n"},
		{"names of the first of two gateways", "[[gateway]]\nsuffix = 'a'\n\n[[gateway]]\nsuffix = 'b'\n", Edit{Suffix: "a", Names: map[Name]Target{"web": "app_x"}},
			"[[gateway]]\nsuffix = 'a'\n\n[gateway.names]\nweb = \"app_x\"\n\n[[gateway]]\nsuffix = 'b'\n"},
		{"another name of the second gateway", "[[gateway]]\nsuffix = 'a'\n[gateway.names]\nx='app_1'\n[[gateway]]\nsuffix = 'b'\n[gateway.names]\ny='app_2'\n", Edit{Suffix: "b", Names: map[Name]Target{"web": "app_x"}},
			"[[gateway]]\nsuffix = 'a'\n[gateway.names]\nx='app_1'\n[[gateway]]\nsuffix = 'b'\n[gateway.names]\ny='app_2'\nweb = \"app_x\"\n"},
		{"ssh-config above all tables", "# c\n\n[names]\n", Edit{SSHConfig: "/a/config"}, "# c\nssh-config = \"/a/config\"\n\n[names]\n"},
		{"ssh-config replaced", "ssh-config = '/b'\n[names]\n", Edit{SSHConfig: "/a/config"}, "ssh-config = \"/a/config\"\n[names]\n"},
		{"putty below ssh-config", "ssh-config = '/b'\n\n[names]\n", Edit{PuTTY: PuTTYNo}, "ssh-config = '/b'\nputty = \"no\"\n\n[names]\n"},
		{"putty as it is without a word", "# c\n", Edit{PuTTY: PuTTYAuto}, "# c\n"},
		{"a name removed with its line", "[names]\nweb = 'app_x' # gone\ndb = 'app_z'\n", Edit{Remove: []Name{"web", "nosuch"}}, "[names]\ndb = 'app_z'\n"},
		{"the last name removed, no line feed", "[names]\nweb = 'app_x'", Edit{Remove: []Name{"web"}}, "[names]\n"},
		{"nothing", sample, Edit{}, sample},
	} {
		got, conf, err := Apply("x.toml", []byte(c.before), c.edit)
		if err != nil {
			t.Errorf("%s: %v", c.title, err)
			continue
		}
		if diff := cmp.Diff(c.after, string(got)); diff != "" {
			t.Errorf("%s:\n%s", c.title, diff)
		}
		again, _, err := Apply("x.toml", got, c.edit)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: a second time it changes again: %v\n%s", c.title, err, again)
		}
		suffix := c.edit.Suffix
		if suffix == "" {
			suffix = DefaultSuffix
		}
		for n, target := range c.edit.Names {
			if conf.Gateway(suffix).Names[n] != target {
				t.Errorf("%s: %s is not registered", c.title, n)
			}
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, c := range []struct {
		before string
		edit   Edit
		want   string
	}{
		{"[names]\nweb = 'app_x'", Edit{Names: map[Name]Target{"web": "app_y"}}, `the name "web" already points to app_x`},
		{"names = { web = 'app_x' }", Edit{Names: map[Name]Target{"db": "app_y"}}, "x.toml"},
		{"names.web = 'app_x'", Edit{Remove: []Name{"web"}}, "change it by hand"},
		{"", Edit{Address: Address{"ssh", "gw.example", 22}}, "needs pins"},
		{"", Edit{Suffix: "new", Names: map[Name]Target{"db": "app_y"}}, `no gateway has the suffix "new"`},
		{"", Edit{Suffix: "a.clever", Address: Address{"ssh", "gw.example", 22}, Pins: []Pin{{}}}, "overlap"},
		{"", Edit{Suffix: "UP"}, "not a valid suffix"},
		{"", Edit{Identity: "id"}, "identity must be"},
		{"broken", Edit{}, "x.toml:1"},
	} {
		text, _, err := Apply("x.toml", []byte(c.before), c.edit)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %+v:\n got %v\n%s\nwant %s", c.before, c.edit, err, text, c.want)
		}
	}
	_, _, err := Apply("x.toml", []byte("[names]\nweb = 'app_x'"), Edit{Names: map[Name]Target{"web": "app_y"}})
	if taken := (NamesTakenError{}); !errors.As(err, &taken) || len(taken) != 1 || taken[0] != (NameTaken{"web", "app_x", "app_y"}) {
		t.Errorf("%#v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("names = { web = \"app_x\" }")
	f.Add("[[gateway]]\npins = [[1], {a = 1}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("x.toml", []byte(text))
		if err != nil {
			return
		}
		for _, g := range c.Gateways {
			if len(g.Pins) == 0 || g.Address.Host == "" {
				t.Errorf("gateway %+v", g)
			}
		}
		after, c, err := Apply("x.toml", []byte(text), Edit{Names: map[Name]Target{"fuzzed-name": "app_fuzzed"}})
		if taken := (NamesTakenError{}); err == nil && c.Gateways[0].Names["fuzzed-name"] != "app_fuzzed" {
			t.Errorf("name lost: %q", after)
		} else if errors.As(err, &taken) {
			return
		}
	})
}

// Whatever the decoder refuses as a whole is refused, although not every text goes through it.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		sample, "[names]\na='app_x'\n[names]\nb='app_y'", "names.a='app_x'\n[names]\nb='app_y'", "names={a='app_x'}\n[names]\nb='app_y'", "a=1\na=2", "\"a\"=1\na=2",
		"[[gateway]]\n[gateway.names]\na='app_x'\n[[gateway]]\n[gateway.names]\na='app_x'", "[[gateway]]\n[gateway.names]\n[gateway.names]", "[gateway]\n[[gateway]]",
		"[a.b]\n[a]\nb=1", "[a]\nb=1\n[a.b]", "[[a]]\n[a]", "a=[1]\n[[a]]", "[a]\n[[a]]", "[[a.b]]\n[a.b.c]\n[[a.b]]\n[a.b.c]", "[names]\nnames='x'", "a={b=1,b=2}", "a={b={c=1},b={c=2}}", "x=1979-99-99", "names={}\n[names]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("x.toml", []byte(text))
		var whole map[string]any
		if refused := toml.Unmarshal([]byte(text), &whole); refused != nil && err == nil {
			t.Errorf("%q is read, but %v", text, refused)
		}
	})
}

// The process belongs to the caller: whatever is read, and however many read it at once, the garbage collector stays
// as the caller set it.
func TestLoadLeavesTheCollector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clever-ssh.toml")
	var text strings.Builder
	text.WriteString("[names]\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "application-%04d = \"app_facade42-cafe-babe-cafe-%012d\"\n", i, i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	const percent = 150
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, c, err := Load(path); err != nil || len(c.Gateways[0].Names) != 2000 {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if now := debug.SetGCPercent(percent); now != percent {
		t.Errorf("it is set to %d", now)
	}
}

// A file that is far too large takes no memory, and the error names it.
func TestLoadOfHugeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clever-ssh.toml")
	load := func(want string) {
		t.Helper()
		allocated := test.Allocated(func() {
			if _, _, err := Load(path); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
		if allocated > 8*maxFile {
			t.Errorf("it takes %d bytes", allocated)
		}
	}
	test.HugeFile(t, path, "")
	load("read " + path + ": the file is too large to be a configuration")
	if err := os.WriteFile(path, []byte("account = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	test.HugeFile(t, AccountFile(path), "")
	load("read " + AccountFile(path) + ": the file is too large")
}
