package putty

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"

	"github.com/google/go-cmp/cmp"
)

const settings = `
[names]
web = "app_x"

[[gateway]]
suffix = "staging"
address = "bob@[2001:db8::1]:2222"
pins = ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
identity = "~/keys/id.PPK"

[gateway.names]
a-b.c = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
`

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSessions(t *testing.T) {
	var names []string
	sessions := map[string]Settings{}
	for _, s := range Sessions(parsed(t, strings.Replace(settings, "a-b.c", `"a-b.c"`, 1)), "'/opt/100%%/clever-ssh'", "/home/u", "SHA256:bridge") {
		names = append(names, s.Name)
		sessions[s.Name] = s.Settings
	}
	if want := []string{"clever", "web.clever", "web.run.clever", "staging", "a-b.c.staging", "a-b.c.run.staging"}; !slices.Equal(names, want) {
		t.Errorf("the sessions are %q, want %q", names, want)
	}
	want := `AgentFwd=0
AuthGSSAPI=0
AuthGSSAPIKEX=0
AuthKI=0
BugFilterKexinit=1
CloseOnExit=1
HostKey=ed25519,rsa,ed448,ecdsa,WARN,dsa
HostName=2001:db8::1
NoPTY=0
PingInterval=0
PingIntervalSecs=30
PortNumber=2222
PreferKnownHostKeys=0
Protocol=ssh
ProxyDNS=2
ProxyExcludeList=
ProxyLocalhost=1
ProxyLogToTerm=0
ProxyMethod=5
ProxyTelnetCommand='/opt/100%%/clever-ssh' proxy a-b.c.staging
PublicKeyFile=/home/u/keys/id.PPK
RemoteCommand=0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10
SSHManualHostKeys=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
SshProt=3
UserName=bob
X11Forward=0
`
	if diff := cmp.Diff(want, filepath.ToSlash(sessions["a-b.c.staging"].Text())); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]Settings{
		"web.clever": {"UserName": "ssh", "PortNumber": 22, "RemoteCommand": "app_x", "PublicKeyFile": nil,
			"SSHManualHostKeys": "SHA256:lys1oC3plDGyAsWD7Yd5fJVKQUV/Pbn/M5KI5GyAj5s,SHA256:0odQb8NQPKYNCme2Nf3Xrz3Bc9kmrDK6eSJGIzj9aEA"},
		"a-b.c.run.staging": {"RemoteCommand": "", "NoPTY": 0, "PublicKeyFile": nil, "SSHManualHostKeys": "SHA256:bridge",
			"ProxyTelnetCommand": "'/opt/100%%/clever-ssh' bridge a-b.c.staging"},
		"clever":  {"RemoteCommand": "", "ProxyTelnetCommand": "'/opt/100%%/clever-ssh' proxy clever"},
		"staging": {"RemoteCommand": "", "ProxyTelnetCommand": "'/opt/100%%/clever-ssh' proxy staging"},
	} {
		for key, value := range want {
			if got := sessions[name][key]; got != value {
				t.Errorf("%s of %s is %v, want %v", key, name, got, value)
			}
		}
	}
}

func TestNames(t *testing.T) {
	c := parsed(t, strings.Replace(settings, "a-b.c", `"a-b.c"`, 1))
	var want []string
	for _, s := range Sessions(c, "", "", "") {
		want = append(want, s.Name)
	}
	if got := Names(c); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the names are %q, those of the sessions %q", got, want)
	}
}

func TestKeyFile(t *testing.T) {
	for identity, want := range map[string]string{
		"": "", "~/.ssh/id_ed25519": "", "/k/id.pem": "", "/k/id.ppk": "/k/id.ppk", "~/.ssh/id.pub": "/home/u/.ssh/id.pub", "/k/.ppk/id": "",
	} {
		if got := filepath.ToSlash(KeyFile(&config.Gateway{Identity: identity}, "/home/u")); got != want {
			t.Errorf("of the identity %q, PuTTY gets %q, want %q", identity, got, want)
		}
	}
}

func TestOurs(t *testing.T) {
	s := Settings{"HostName": "gw", "PortNumber": 22}.sealed()
	if !s.Ours() || !parse([]byte(s.Text())).Ours() || !parse([]byte("# by hand\r\n"+strings.ReplaceAll(s.Text(), "\n", "\r\n"))).Ours() {
		t.Errorf("%v is not ours", s)
	}
	if parse([]byte("HostName=other\n"+s.Text())).Ours() || !parse([]byte(s.Text()+"HostName=other\n")).Ours() {
		t.Error("PuTTY takes the first of two settings of one name")
	}
	for title, change := range map[string]func(Settings){
		"a setting changed":  func(s Settings) { s["PortNumber"] = 23 },
		"a setting more":     func(s Settings) { s["FontHeight"] = 14 },
		"a setting less":     func(s Settings) { delete(s, "HostName") },
		"without a seal":     func(s Settings) { delete(s, seal) },
		"an empty seal":      func(s Settings) { s[seal] = "" },
		"a seal of a number": func(s Settings) { s[seal] = 1 },
	} {
		other := maps.Clone(s)
		change(other)
		if other.Ours() {
			t.Errorf("%s: still ours", title)
		}
	}
	if (Settings)(nil).Ours() || (Settings{}).Ours() {
		t.Error("nothing is ours")
	}
}

// tree lists what is below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			list[path] = "folder"
			return err
		}
		text, err := os.ReadFile(path)
		list[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func carryOut(t *testing.T, store Store, wanted []Session) *Changes {
	t.Helper()
	c, err := Plan(store, "x.toml", wanted, []string{"clever", "web.clever"})
	if err == nil {
		err = c.CarryOut(func() error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newFolder(t *testing.T) (folder, string) {
	dir := t.TempDir()
	putty := filepath.Join(dir, ".putty")
	return folder{filepath.Join(putty, "sessions"), []string{putty, filepath.Join(putty, "sessions")}}, dir
}

func TestPlan(t *testing.T) {
	session := func(name, host string) Session { return Session{name, Settings{"HostName": host, "PortNumber": 22}} }
	store, dir := newFolder(t)
	before := tree(t, dir)
	if store.Used() {
		t.Error("PuTTY has been used")
	}
	wanted := []Session{session("clever", "a"), session("web.clever", "a")}
	c := carryOut(t, store, wanted)
	if !slices.Equal(c.Wanted, []string{"clever", "web.clever"}) || c.Foreign != nil || len(c.List) != 2 || !store.Used() {
		t.Errorf("the first time: %+v", c)
	}
	for _, name := range c.Wanted {
		info, err := os.Stat(store.Where(name))
		if err != nil || info.Mode().Perm() != atomicfile.Mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	once := tree(t, dir)
	if c := carryOut(t, store, wanted); c.List != nil || !slices.Equal(c.Wanted, []string{"clever", "web.clever"}) {
		t.Errorf("the second time: %+v", c)
	}
	if diff := cmp.Diff(once, tree(t, dir)); diff != "" {
		t.Errorf("the second time changes\n%s", diff)
	}
	carryOut(t, store, []Session{session("clever", "b"), session("db.clever", "b")})
	for name, host := range map[string]any{"clever": "b", "db.clever": "b"} {
		if s, err := store.Read(name); err != nil || s["HostName"] != host {
			t.Errorf("%s is %v, %v", name, s, err)
		}
	}
	if s, err := store.Read("web.clever"); s != nil || err != nil {
		t.Errorf("web.clever, which nobody wants any more, is %v, %v", s, err)
	}
	carryOut(t, store, nil)
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("taken out again, it is not as before:\n%s", diff)
	}

	// A folder that was there already, or has become another one, stays, too.
	for _, dir := range []string{filepath.Dir(store.sessions), store.sessions} {
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Stat(dir)
		listed := tree(t, filepath.Dir(dir))
		carryOut(t, store, wanted)
		carryOut(t, store, wanted[:1])
		carryOut(t, store, nil)
		if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s, which was there: %v", dir, err)
		}
		if diff := cmp.Diff(listed, tree(t, filepath.Dir(dir))); diff != "" {
			t.Errorf("beside empty folders, taken out again, it is not as before:\n%s", diff)
		}
	}
	if err := os.RemoveAll(filepath.Dir(store.sessions)); err != nil {
		t.Fatal(err)
	}

	// What belongs to the user stays, even if it has a name of ours.
	if err := os.MkdirAll(store.Where("x.clever"), 0o700); err != nil {
		t.Fatal(err)
	}
	own := map[string]string{"Default%20Settings": "HostName=\n", "mine": "HostName=c\nCleverSSH=1\n", "web.clever": "HostName=d", "../sshhostkeys": "ssh-ed25519@22:a 0x1\n"}
	for name, text := range own {
		if err := os.WriteFile(store.Where(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before = tree(t, dir)
	if c := carryOut(t, store, wanted); !slices.Equal(c.Foreign, []string{"web.clever"}) || !slices.Equal(c.Wanted, []string{"clever"}) {
		t.Errorf("beside the user's: %+v", c)
	}
	changed, err := os.ReadFile(store.Where("clever"))
	if err != nil {
		t.Fatal(err)
	}
	if c := carryOut(t, store, nil); !slices.Equal(c.Left, []string{"web.clever"}) {
		t.Errorf("of the user's: %+v", c)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("the user's have changed:\n%s", diff)
	}
	// A session of ours that PuTTY has saved again belongs to the user.
	if err := os.WriteFile(store.Where("clever"), []byte(strings.Replace(string(changed), "HostName=a", "HostName=e", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := carryOut(t, store, wanted); !slices.Equal(c.Foreign, []string{"clever", "web.clever"}) || c.List != nil {
		t.Errorf("changed in PuTTY: %+v", c)
	}
}

// failing is a store in which one call fails.
type failing struct {
	folder
	after  int
	before func()
}

var errFull = errors.New("no room")

func (f *failing) Write(name string, s Settings) error {
	if f.after--; f.after == 0 {
		f.before()
		return errFull
	}
	return f.folder.Write(name, s)
}

func (f *failing) Remove(name string) error {
	if f.after--; f.after == 0 {
		f.before()
		return errFull
	}
	return f.folder.Remove(name)
}

func TestCarryOutIsAllOrNothing(t *testing.T) {
	session := func(name, host string) Session { return Session{name, Settings{"HostName": host}} }
	plain, dir := newFolder(t)
	scene := func() (before map[string]string, wanted []Session) {
		return tree(t, dir), []Session{session("a", "2"), session("b", "2"), session("d", "2")}
	}
	for _, there := range [][]Session{nil, {session("a", "1"), session("b", "2"), session("c", "1"), session("e", "1")}} {
		carryOut(t, plain, there)
		before, wanted := scene()
		for n := 1; ; n++ {
			store := &failing{plain, n, func() {}}
			c, err := Plan(store, "x.toml", wanted, []string{"clever", "web.clever"})
			if err != nil {
				t.Fatal(err)
			}
			last := n > len(c.List)
			if last {
				store.after = -1
			}
			err = c.CarryOut(func() error {
				if last {
					return errFull
				}
				t.Errorf("step %d: went on", n)
				return nil
			})
			which := new(Error)
			if !errors.Is(err, errFull) || errors.As(err, &which) == last {
				t.Errorf("step %d: %v", n, err)
			}
			if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
				t.Errorf("step %d: not as before:\n%s", n, diff)
			}
			if last {
				break
			}
		}
	}
	// Somebody else's change in the meantime is not lost: not on the way there, and not on the way back.
	before, wanted := scene()
	theirs := "HostName=theirs\n"
	c, err := Plan(plain, "x.toml", wanted, nil)
	if err == nil {
		err = os.WriteFile(plain.Where("d"), []byte(theirs), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	before[plain.Where("d")] = theirs
	if err := c.CarryOut(func() error { return nil }); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a change by somebody else: %v", err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("a change by somebody else:\n%s", diff)
	}
	store := &failing{plain, 2, func() { os.WriteFile(plain.Where("a"), []byte(theirs), 0o600) }}
	if c, err = Plan(store, "x.toml", []Session{session("a", "3"), session("b", "3")}, nil); err != nil {
		t.Fatal(err)
	}
	undo := new(UndoError)
	if err := c.CarryOut(func() error { return nil }); !errors.As(err, &undo) || undo.Name != "a" {
		t.Errorf("a change that cannot be taken back: %v", err)
	}
	if text, err := os.ReadFile(plain.Where("a")); string(text) != theirs {
		t.Errorf("what somebody else wrote is %q, %v", text, err)
	}
}
