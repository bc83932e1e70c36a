package sshconfig

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
)

// noon is when the tests of pure functions take place.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbered returns n entries, newest first: the first has the given age, and each is a second older than the one
// before.
func numbered(prefix string, n int, age time.Duration, now time.Time) []direct {
	var list []direct
	for i := range n {
		target := config.Target(fmt.Sprintf("app_%s%d", prefix, i))
		list = append(list, direct{alias: string(target) + ".clever", target: target, used: now.Add(-age - time.Duration(i)*time.Second)})
	}
	return list
}

func aliases(entries []direct) []string {
	var list []string
	for _, d := range entries {
		list = append(list, d.alias)
	}
	return list
}

func TestFormatDirect(t *testing.T) {
	paris := time.FixedZone("", 3600)
	got := string(formatDirect([]direct{
		{"app_x.clever", "app_x", noon, 0},
		{string(instanceID) + ".staging", instanceID, noon.Add(-time.Hour).In(paris), 0},
	}))
	want := "# Written by clever-ssh match direct. Do not edit.\n" +
		stamp + "Host app_x.clever\n    RemoteCommand app_x\n" +
		"# 2026-03-01T11:00:00Z\nHost 0123abcd-4567-89ab-cdef-0123456789ab.staging\n    RemoteCommand 0123abcd-4567-89ab-cdef-0123456789ab\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if parsed := parseDirect([]byte(want)); string(formatDirect(parsed)) != want {
		t.Errorf("what was written is read as %v", parsed)
	}
}

func TestAddDirect(t *testing.T) {
	added := direct{"app_new.clever", "app_new", noon, 0}
	old := 10 * time.Minute
	for _, c := range []struct {
		title  string
		before []direct
		want   []string
	}{
		{"into nothing", nil, nil},
		{"into a few", numbered("o", 3, old, noon), aliases(numbered("o", 3, old, noon))},
		{"into 63", numbered("o", 63, old, noon), aliases(numbered("o", 63, old, noon))},
		{"into 64: the oldest leaves", numbered("o", 64, old, noon), aliases(numbered("o", 63, old, noon))},
		{"into 100 in any order: the newest 64 stay", reversed(numbered("o", 100, old, noon)), aliases(numbered("o", 63, old, noon))},
		{"the same alias moves to the top", append(numbered("o", 3, old, noon), direct{"app_new.clever", "app_new", noon.Add(-time.Hour), 0}), aliases(numbered("o", 3, old, noon))},
		{"the same alias, listed twice", append(numbered("o", 2, old, noon), direct{"app_new.clever", "app_new", noon, 0}, direct{"app_new.clever", "app_new", noon.Add(-time.Hour), 0}), aliases(numbered("o", 2, old, noon))},
		{"all younger than a minute stay", simultaneous(200, 59*time.Second), aliases(simultaneous(200, 59*time.Second))},
		{"among many young ones no old one stays", append(simultaneous(100, time.Second), numbered("o", 20, old, noon)...), aliases(simultaneous(100, time.Second))},
	} {
		got := addDirect(slices.Clone(c.before), added, noon)
		if diff := cmp.Diff(append([]string{"app_new.clever"}, c.want...), aliases(got)); diff != "" {
			t.Errorf("%s:\n%s", c.title, diff)
		}
	}
}

func reversed(list []direct) []direct {
	slices.Reverse(list)
	return list
}

// simultaneous returns n entries of one age.
func simultaneous(n int, age time.Duration) []direct {
	list := numbered("s", n, 0, noon)
	for i := range list {
		list[i].used = noon.Add(-age)
	}
	return list
}

// A clock that was fast leaves entries from the future. They must not keep later ones out until that time comes.
func TestDirectFromTheFutureGivesWay(t *testing.T) {
	entries := numbered("future", 200, -24*time.Hour, noon)
	var want []string
	now := noon
	for i := range 10 {
		target := config.Target(fmt.Sprintf("app_real%d", i))
		entries = addDirect(entries, direct{string(target) + ".clever", target, now, 0}, now)
		if len(entries) > directKept {
			t.Fatalf("%d entries", len(entries))
		}
		want = append([]string{string(target) + ".clever"}, want...)
		now = now.Add(2 * time.Minute)
	}
	got := slices.DeleteFunc(aliases(entries), func(a string) bool { return strings.HasPrefix(a, "app_future") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const stamp = "# 2026-03-01T12:00:00Z\n"

// hostileDirect are files that we did not write; none of them has an entry that may be written again.
var hostileDirect = []struct{ title, text string }{
	{"empty", ""},
	{"nonsense", "\x00\xff\n\n\n"},
	{"no time", "Host app_x.clever\n    RemoteCommand app_x\n"},
	{"a time of another form", "# yesterday\nHost app_x.clever\n    RemoteCommand app_x\n"},
	{"something between", stamp + "\nHost app_x.clever\n    RemoteCommand app_x\n"},
	{"alias and target differ", stamp + "Host app_x.clever\n    RemoteCommand app_y\n"},
	{"no target", stamp + "Host ls.clever\n    RemoteCommand ls\n"},
	{"a command after the target", stamp + "Host app_x.clever\n    RemoteCommand app_x; id\n"},
	{"all hosts", stamp + "Host *\n    RemoteCommand app_x\n"},
	{"a pattern for the suffix", stamp + "Host app_x.*\n    RemoteCommand app_x\n"},
	{"a pattern with a question mark", stamp + "Host app_x.cleve?\n    RemoteCommand app_x\n"},
	{"a second host", stamp + "Host app_x.clever github.com\n    RemoteCommand app_x\n"},
	{"a second host after a tab", stamp + "Host app_x.clever\tgithub.com\n    RemoteCommand app_x\n"},
	{"a second host after =, for ssh 8.0", stamp + "Host app_x.=github.com\n    RemoteCommand app_x\n"},
	{"a second host after a comma", stamp + "Host app_x.clever,*\n    RemoteCommand app_x\n"},
	{"all but one host", stamp + "Host app_x.!a\n    RemoteCommand app_x\n"},
	{"a double quote", stamp + "Host app_x.cle\"ver\n    RemoteCommand app_x\n"},
	{"a single quote, at which ssh stops for every host", stamp + "Host app_x.cle'ver\n    RemoteCommand app_x\n"},
	{"a backslash", stamp + "Host app_x.cle\\ver\n    RemoteCommand app_x\n"},
	{"a comment", stamp + "Host app_x.clever#x\n    RemoteCommand app_x\n"},
	{"what a shell expands", stamp + "Host app_x.$(id)\n    RemoteCommand app_x\n"},
	{"a token of ssh", stamp + "Host app_x.%h\n    RemoteCommand app_x\n"},
	{"no suffix", stamp + "Host app_x.\n    RemoteCommand app_x\n"},
	{"non-ASCII", stamp + "Host app_x.clévér\n    RemoteCommand app_x\n"},
	{"an escape sequence", stamp + "Host app_x.\x1b]0;x\x07\n    RemoteCommand app_x\n"},
	{"CRLF", "# 2026-03-01T12:00:00Z\r\nHost app_x.clever\r\n    RemoteCommand app_x\r\n"},
	{"cut short", stamp + "Host app_x.clever\n"},
	{"cut short in the middle of the target", stamp + "Host app_x.clever\n    RemoteCommand ap"},
	{"another keyword", stamp + "Host app_x.clever\n    ProxyCommand app_x\n"},
}

func TestParseDirectDropsWhatItDidNotWrite(t *testing.T) {
	good := string(formatDirect(numbered("good", 2, 0, noon))[len(directBanner):])
	for _, c := range hostileDirect {
		t.Run(c.title, func(t *testing.T) {
			if got := parseDirect([]byte(c.text)); len(got) != 0 {
				t.Errorf("read as %v", got)
			}
			// What is around it is not lost with it.
			if got := parseDirect([]byte(good + strings.TrimSuffix(c.text, "\n") + "\n" + good)); len(got) < 4 {
				t.Errorf("only %v is left", got)
			}
		})
	}
}

func TestParseDirectKeepsTheRestOfTheBlockOut(t *testing.T) {
	text := stamp + "Host app_x.clever\n    RemoteCommand app_x\n    ProxyCommand evil\nHost *\n    User evil\n"
	got := string(formatDirect(parseDirect([]byte(text))))
	if want := directBanner + stamp + "Host app_x.clever\n    RemoteCommand app_x\n"; got != want {
		t.Errorf("%q", got)
	}
}

// safeAlias matches all that may ever follow Host: a target, or a name with a selector before it, and a suffix that
// clever-ssh.toml may have.
var safeAlias = regexp.MustCompile(`\A(?:(?:any|build|[0-9]{1,3})\.[A-Za-z0-9._-]+|[A-Za-z0-9_-]+)\.[a-z0-9.-]+\z`)

func FuzzParseDirect(f *testing.F) {
	f.Add(formatDirect(numbered("x", 3, 0, noon)))
	f.Add([]byte("# 0000-01-01T00:00:00+01:00\nHost app_x.clever\n    RemoteCommand app_x\n"))
	f.Add([]byte("# 9999-12-31T23:59:59.999-01:00\nHost app_x.clever\n    RemoteCommand app_x\n"))
	f.Add(formatDirect([]direct{{"0.web.clever", instanceID, noon, 7}, {"build.app_X.clever", instanceID, noon, 8}}))
	for _, c := range hostileDirect {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries := parseDirect(text)
		for _, d := range entries {
			if _, err := config.ParseTarget(string(d.target)); err != nil || !safeAlias.MatchString(d.alias) || !strings.HasPrefix(d.alias, string(d.target)+".") && !config.IsSelector(strings.Split(d.alias, ".")[0]) {
				t.Errorf("entry %+q for %+q", d.alias, d.target)
			}
		}
		written := formatDirect(entries)
		for i, line := range strings.Split(strings.TrimSuffix(string(written[len(directBanner):]), "\n"), "\n") {
			if len(entries) > 0 && !strings.HasPrefix(line, [...]string{"# ", "Host ", "    RemoteCommand "}[i%3]) {
				t.Errorf("line %d is %q", i, line)
			}
		}
		again := parseDirect(written)
		if !bytes.Equal(formatDirect(again), formatDirect(parseDirect(formatDirect(again)))) {
			t.Errorf("written %q, read again as %v", written, again)
		}
	})
}

// The instance that an alias stands for is found for each ssh. An entry that was found for another ssh does not count
// for this one.
func TestInstanceEntries(t *testing.T) {
	const other = config.Target("11281f38-31ff-43a7-8595-a2d82630c32b")
	for _, alias := range []string{"0.web.clever", "any.a.b.clever", "build.app_X-y.clever", "999.app_x.two.parts"} {
		file := filepath.Join(t.TempDir(), "direct.conf")
		if HasInstance(file, alias, 77) {
			t.Errorf("%s is in no file", alias)
		}
		for pid, target := range map[int]config.Target{77: instanceID, 78: other} {
			if err := RegisterInstance(file, alias, target, pid); err != nil {
				t.Fatal(err)
			}
			if text, _ := os.ReadFile(file); !HasEntry(text, alias, target) || !HasInstance(file, alias, pid) {
				t.Errorf("%s is not in\n%s", alias, text)
			}
		}
		if !HasInstance(file, alias, 77) || HasInstance(file, alias, 79) || HasInstance(file, alias, 0) || HasInstance(file, "1.web.clever", 77) {
			t.Error("an entry counts for another ssh")
		}
		if err := RegisterInstance(file, alias, other, 77); err != nil {
			t.Fatal(err)
		}
		if text, _ := os.ReadFile(file); HasEntry(text, alias, instanceID) {
			t.Errorf("the old instance is in\n%s", text)
		}
	}
	for _, d := range []direct{{"all.web.clever", instanceID, noon, 7}, {"1000.web.clever", instanceID, noon, 7}, {"0.web *.clever", instanceID, noon, 7},
		{"x.web.clever", instanceID, noon, 7}, {"0.clever", instanceID, noon, 7}, {"0.web.clever", instanceID, noon, 0}, {"0.web.clever", instanceID, noon, -7}} {
		if list := parseDirect(formatDirect([]direct{d})); len(list) > 0 {
			t.Errorf("%v was read", list)
		}
	}
	file := filepath.Join(t.TempDir(), "direct.conf")
	old := formatDirect([]direct{{"0.web.clever", instanceID, time.Now().Add(-2 * directFresh), 77}})
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if HasInstance(file, "0.web.clever", 77) {
		t.Error("an old entry is fresh")
	}
	if text := CleanedDirect(old, []string{"clever"}); string(text) != directBanner {
		t.Errorf("of a suffix that is gone, this is left:\n%s", text)
	}
}

func TestRegisterDirect(t *testing.T) {
	now := time.Now()
	x := func(age time.Duration) []direct { return []direct{{"app_x.clever", "app_x", now.Add(-age), 0}} }
	for _, c := range []struct {
		title    string
		before   []direct
		rewrites bool
	}{
		{"there and young", x(5 * time.Second), false},
		{"there and getting old", x(35 * time.Second), true},
		{"there and old", x(time.Hour), true},
		{"there, but from the future", x(-time.Hour), true},
		{"not there", numbered("o", 3, 0, now), true},
		{"the same target of another gateway", []direct{{"app_x.staging", "app_x", now, 0}}, true},
	} {
		t.Run(c.title, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "direct.conf")
			write(t, path, string(formatDirect(c.before)))
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := RegisterDirect(path, "app_x.clever", "app_x"); err != nil {
				t.Fatal(err)
			}
			after, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if os.SameFile(before, after) == c.rewrites {
				t.Errorf("rewritten: %v, want %v", !c.rewrites, c.rewrites)
			}
			text, err := os.ReadFile(path)
			if err != nil || !HasEntry(text, "app_x.clever", "app_x") || strings.Count(string(text), "Host app_x.clever\n") != 1 {
				t.Errorf("%v\n%s", err, text)
			}
			if _, err := os.Stat(path + ".lock"); !c.rewrites && err == nil {
				t.Error("a lock was taken for nothing")
			}
		})
	}
}

// A mangled file heals with the next registration: while it is broken, ssh may refuse every host.
func TestRegisterDirectHeals(t *testing.T) {
	for _, c := range hostileDirect {
		path := filepath.Join(t.TempDir(), "direct.conf")
		write(t, path, c.text)
		if err := RegisterDirect(path, "app_new.clever", "app_new"); err != nil {
			t.Errorf("%s: %v", c.title, err)
			continue
		}
		text, err := os.ReadFile(path)
		if got := aliases(parseDirect(text)); err != nil || !slices.Equal(got, []string{"app_new.clever"}) || strings.Count(string(text), "\n") != 4 {
			t.Errorf("%s: %v\n%s", c.title, err, text)
		}
	}
}

func TestRegisterDirectReportsWhatItCannotDo(t *testing.T) {
	if err := RegisterDirect(filepath.Join(t.TempDir(), "nosuch", "direct.conf"), "app_x.clever", "app_x"); err == nil {
		t.Error("no error without a folder")
	}
	folder := filepath.Join(t.TempDir(), "direct.conf")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := RegisterDirect(folder, "app_x.clever", "app_x"); err == nil {
		t.Error("no error where the file is a folder")
	}
}

// Entries made while this one waited for its turn are also fresh, although they are newer than its start.
func TestRegisterDirectKeepsWhatCameWhileItWaited(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	path := filepath.Join(t.TempDir(), "direct.conf")
	unlock, err := atomicfile.Lock(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- RegisterDirect(path, "app_late.clever", "app_late") }()
	time.Sleep(1100 * time.Millisecond) // the times in the file have a resolution of a second
	var others []direct
	now := time.Now()
	for _, d := range numbered("other", 100, 0, now) {
		d.used = now
		others = append(others, d)
	}
	if err := atomicfile.Write(path, formatDirect(others)); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(parseDirect(text)); got != len(others)+1 {
		t.Errorf("%d entries, want all %d", got, len(others)+1)
	}
}

func TestRegisterDirectAtOnce(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "direct.conf")
	var want []string
	var register sync.WaitGroup
	for process := range 8 {
		var targets []string
		for i := range 6 {
			targets = append(targets, fmt.Sprintf("app_process%d_%d", process, i))
		}
		want = append(want, targets...)
		register.Go(func() {
			cmd := exec.Command(self, targets...)
			cmd.Env = append(os.Environ(), registerVariable+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for i := range 50 {
		target := config.Target(fmt.Sprintf("app_goroutine%d", i))
		want = append(want, string(target))
		register.Go(func() {
			if err := RegisterDirect(path, string(target)+".clever", target); err != nil {
				t.Error(err)
			}
			// What ssh would read now: its own entry, in a whole file.
			if text, err := os.ReadFile(path); err != nil || !HasEntry(text, string(target)+".clever", target) {
				t.Errorf("%s is not there: %v", target, err)
			}
		})
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			text, err := os.ReadFile(path)
			if err == nil && strings.Count(string(text), "\n") != 1+3*len(parseDirect(text)) {
				t.Errorf("a reader sees half a file:\n%s", text)
			}
		}
	})
	register.Wait()
	close(stop)
	watch.Wait()

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range want {
		if !HasEntry(text, target+".clever", config.Target(target)) {
			t.Errorf("%s is lost", target)
		}
	}
	leftovers, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v, %v", leftovers, err)
	}
}
