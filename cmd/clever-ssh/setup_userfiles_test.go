//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/test/users"

	"github.com/google/go-cmp/cmp"
)

// Whatever a person's own ssh_config holds, and wherever it is: setup changes nothing for the hosts of others, does its work
// for ours, does it once, and remove --all gives everything back.

// userHome is a home with an ssh configuration in it.
type userHome struct {
	dir string

	// standard: ssh itself looks there, so the entries' paths are relative.
	standard bool

	// command is one that runs in the home, ssh for what it asks of ssh.
	command func(name string, args ...string) *exec.Cmd

	// handOver makes everything in the home the account's own.
	handOver func() error

	// register are the arguments with which setup registers web.clever, unless clever-ssh.toml has it; again are those of
	// a second time.
	register, again []string
}

// userFile is the path of the user's own ssh_config.
func (u *userHome) userFile() string { return filepath.Join(u.dir, ".ssh", "config") }

// ssh is the real ssh with that file, or with none where there is none: under -F, unlike without, ssh would stop.
func (u *userHome) ssh(args ...string) *exec.Cmd {
	if !u.standard {
		file := u.userFile()
		if _, err := os.Stat(file); err != nil {
			file = os.DevNull
		}
		args = append([]string{"-F", file}, args...)
	}
	return u.command(os.Getenv(realSSH), args...)
}

// options is what ssh -G prints for a host.
func (u *userHome) options(t *testing.T, host string) string {
	t.Helper()
	out, err := u.ssh("-G", host).Output()
	if err != nil {
		t.Fatalf("ssh -G %s: %v\n%s", host, err, said(err))
	}
	return string(out)
}

// foreign is what ssh -G prints for hosts that are none of ours, each line with its host.
func (u *userHome) foreign(t *testing.T, hosts []string) []string {
	t.Helper()
	var lines []string
	for _, host := range hosts {
		for line := range strings.Lines(u.options(t, host)) {
			lines = append(lines, host+": "+line)
		}
	}
	return lines
}

// run runs clever-ssh, which must succeed, and returns its output.
func (u *userHome) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := u.command("clever-ssh", args...).Output()
	if err != nil {
		t.Fatalf("clever-ssh %s: %v\n%s%s", strings.Join(args, " "), err, out, said(err))
	}
	return string(out)
}

// said is what a command that failed said on stderr.
func said(err error) string {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// item is one name in a home.
type item struct {
	Mode     fs.FileMode
	UID, GID uint32
	Link     string // where a link leads
	Text     string // what a file holds
	stamp
}

// stamp changes whenever somebody writes: another file under the same name, or other bytes in the same file.
type stamp struct {
	Inode    uint64
	Modified int64
}

// listing is everything in a home, by path.
func (u *userHome) listing(t *testing.T) map[string]item {
	t.Helper()
	list := map[string]item{}
	err := filepath.WalkDir(u.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		it := item{Mode: info.Mode(), UID: s.Uid, GID: s.Gid, stamp: stamp{uint64(s.Ino), info.ModTime().UnixNano()}}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			it.Link, err = os.Readlink(path)
		case info.Mode().IsRegular():
			var text []byte
			text, err = os.ReadFile(path)
			it.Text = string(text)
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(u.dir, path)
		list[name] = it
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// unstamped is a listing without the stamps: what was given back need not be the same file.
func unstamped(list map[string]item) map[string]item {
	list = maps.Clone(list)
	for name, it := range list {
		it.stamp = stamp{}
		list[name] = it
	}
	return list
}

// unlocked is a listing without the stamp of the folder in which locks come and go.
func unlocked(list map[string]item) map[string]item {
	const folder = ".config/clever-cloud"
	list = maps.Clone(list)
	it := list[folder]
	it.stamp = stamp{}
	list[folder] = it
	return list
}

// same reports what has changed in a home.
func same(t *testing.T, about string, before, after map[string]item) {
	t.Helper()
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(item{})); diff != "" {
		t.Errorf("%s:\n%s", about, diff)
	}
}

// placement is how a person may keep their ssh_config.
type placement struct {
	title string
	place func(home, text string) error
}

var placements = []placement{
	{"mode 0600", plain(0o600)},
	{"mode 0644", plain(0o644)},
	{"mode 0640, of another group", func(home, text string) error {
		err := plain(0o640)(home, text)
		if os.Getuid() == 0 {
			err = errors.Join(err, os.Chown(filepath.Join(home, ".ssh/config"), -1, 1))
		}
		return err
	}},
	{"a relative link", func(home, text string) error {
		return errors.Join(put(home, "dotfiles/ssh_config", 0o644, text), os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config")))
	}},
	{"a chain of links through other folders", chain},
	{"the folder is a link", func(home, text string) error {
		return errors.Join(
			os.Mkdir(filepath.Join(home, "store"), 0o755),
			os.Rename(filepath.Join(home, ".ssh"), filepath.Join(home, "store/ssh")),
			os.Symlink("store/ssh", filepath.Join(home, ".ssh")),
			put(home, ".ssh/config", 0o600, text))
	}},
}

// plain is a file with a mode.
func plain(mode fs.FileMode) func(home, text string) error {
	return func(home, text string) error { return put(home, ".ssh/config", mode, text) }
}

// chain is three links, one of them absolute, through a folder that is a link itself.
func chain(home, text string) error {
	return errors.Join(
		put(home, "store/deep/config", 0o600, text),
		put(home, "links/other", 0o600, "not ours\n"),
		os.Symlink("../store", filepath.Join(home, "links/folder")),
		os.Symlink(filepath.Join(home, "store/deep/config"), filepath.Join(home, "store/second")),
		os.Symlink("folder/second", filepath.Join(home, "links/first")),
		os.Symlink("../links/first", filepath.Join(home, ".ssh/config")))
}

// put writes a file in a home, with the folders above it.
func put(home, name string, mode fs.FileMode, text string) error {
	path := filepath.Join(home, name)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode))
}

// absences are the ways not to have an ssh_config. What the home has of one is made by place.
var absences = []placement{
	{"no file", func(home, _ string) error { return nil }},
	{"no folder", func(home, _ string) error { return os.RemoveAll(filepath.Join(home, ".ssh")) }},
	{"a dangling link", func(home, _ string) error {
		return errors.Join(put(home, "dotfiles/other", 0o600, ""), os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config")))
	}},
	{"a dangling chain of links", func(home, _ string) error {
		return errors.Join(chain(home, ""), os.Remove(filepath.Join(home, "store/deep/config")))
	}},
}

// throwAway is a home that clever-ssh was told of, as ssh would not look there.
func throwAway(t *testing.T) *userHome {
	t.Helper()
	// Not t.TempDir: a title may have what a path in ssh_config cannot.
	dir, err := os.MkdirTemp("", "clever-ssh-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := homeIn(t, dir)
	settings := fmt.Sprintf("# mine\nssh-config = %q\n[names]\nweb = %q\n", h.path("config"), appWeb)
	if err := errors.Join(put(dir, ".config/clever-cloud/clever-ssh.toml", 0o600, settings), os.Remove(h.path("config"))); err != nil {
		t.Fatal(err)
	}
	h.usePlainProgram(t)
	return &userHome{dir: dir, command: h.command, handOver: func() error { return nil }, again: []string{"web=" + appWeb}}
}

// furnish makes a home what it is to be before setup.
func (u *userHome) furnish(t *testing.T, p placement, f users.File) {
	t.Helper()
	included := filepath.Join(u.dir, "included")
	if err := errors.Join(os.Mkdir(included, 0o755), users.WriteIncluded(included), p.place(u.dir, f.In(u.dir, included)), u.handOver()); err != nil {
		t.Fatal(err)
	}
}

// check does with a home what a person would, and looks at everything. The hosts are none of ours; included is whether the
// user's file includes the entries as it is.
func (u *userHome) check(t *testing.T, included bool, hosts []string) {
	t.Helper()
	before, foreign := u.listing(t), u.foreign(t, hosts)

	diff := u.run(t, append([]string{"setup", "--dry-run"}, u.register...)...)
	same(t, "setup --dry-run changed something", before, u.listing(t))
	patched := u.patched(t, diff)

	u.run(t, append([]string{"setup"}, u.register...)...)
	after := u.listing(t)
	u.checkKept(t, before, after, included)
	if patched != nil {
		u.checkPatched(t, before, after, patched)
	}
	if diff := cmp.Diff(foreign, u.foreign(t, hosts)); diff != "" {
		t.Errorf("ssh treats other hosts otherwise than before:\n%s", diff)
	}
	u.checkAliases(t)

	once := unlocked(u.listing(t))
	u.run(t, append([]string{"setup"}, u.again...)...)
	same(t, "setup a second time changed something", once, unlocked(u.listing(t)))

	u.run(t, "remove", "--all")
	same(t, "remove --all did not give everything back", unstamped(before), unstamped(u.listing(t)))
}

// checkKept checks that setup left all that was there: it has added to the user's file if it had to, and no more.
func (u *userHome) checkKept(t *testing.T, before, after map[string]item, included bool) {
	t.Helper()
	target, err := filepath.EvalSymlinks(u.userFile())
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(resolved(t, u.dir), target)
	if err != nil {
		t.Fatal(err)
	}
	if untouched := before[name] == after[name]; untouched != included {
		t.Errorf("setup left %s as it was: %v, want %v", name, untouched, included)
	}
	for path, was := range unstamped(before) {
		is, ok := after[path]
		is.stamp = stamp{}
		if path == name && strings.HasSuffix(is.Text, was.Text) {
			is.Text = was.Text
		}
		if !ok || is != was {
			t.Errorf("%s: setup made %+v of %+v", path, is, was)
		}
	}
	for path, is := range after {
		if _, ok := before[path]; !ok && is.Mode.IsRegular() && is.Mode.Perm() != 0o600 {
			t.Errorf("%s has mode %o", path, is.Mode.Perm())
		}
	}
}

// resolved is a path without links.
func resolved(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// patched is what patch makes, by what --dry-run printed, of the files that are named there; nil if there is no patch.
func (u *userHome) patched(t *testing.T, diff string) map[string]string {
	t.Helper()
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Log("there is no patch: what --dry-run prints was not tried")
		return nil
	}
	root, files := t.TempDir(), map[string]string{}
	lines := strings.Split(diff, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "diff ") { // all that is of a file begins with a sign
			continue
		}
		path, _ := strings.CutPrefix(lines[i+2], "+++ ")
		files[path] = ""
		if text, err := os.ReadFile(path); err == nil {
			if err := put(root, path, 0o600, string(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(patch, "-s", "-p1", "-d", root)
	cmd.Stdin = strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("patch: %v\n%s\n%s", err, out, diff)
	}
	for path := range files {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatalf("patch did not make %s: %v\n%s", path, err, diff)
		}
		files[path] = string(text)
	}
	return files
}

// checkPatched checks that setup did what --dry-run printed, and nothing else but a host key for the bridge, which is not printed.
func (u *userHome) checkPatched(t *testing.T, before, after map[string]item, files map[string]string) {
	t.Helper()
	named := map[string]bool{}
	bridges := map[string]string{}
	for name, is := range after {
		if strings.HasSuffix(name, "/clever/bridge_key") || strings.HasSuffix(name, "/clever/bridge_known_hosts") {
			bridges[filepath.Base(name)] = name
			if is.Mode != 0o600 {
				t.Errorf("%s has the mode %v", name, is.Mode)
			}
		}
	}
	keyFile, hostsFile := bridges["bridge_key"], bridges["bridge_known_hosts"]
	key := after[keyFile].Text
	if err := checkBridgeKey(key, after[hostsFile].Text); err != nil {
		t.Error(err)
	}
	for path, want := range files {
		text, err := os.ReadFile(path)
		is := string(text)
		if without := withoutBridgeKey(is, key); without != is && before[keyFile].Text != key {
			// The key was not made then, nor its fingerprint known.
			is, want = without, withoutAnyBridgeKey(want)
		}
		if err != nil || is != want {
			t.Errorf("%s: %v:\n%s\n--dry-run had it\n%s", path, err, is, want)
		}
		named[resolved(t, path)] = true
	}
	for name, is := range after {
		path := filepath.Join(resolved(t, u.dir), name)
		isBridges := name == keyFile || name == hostsFile
		if isBridges && named[path] {
			t.Errorf("--dry-run named %s", path)
		}
		if is.Mode.IsRegular() && is.Text != before[name].Text && !named[path] && !isBridges {
			t.Errorf("--dry-run did not name %s", path)
		}
	}
}

// checkAliases checks that ours are reached as the entries say, whatever the user wants for all hosts.
func (u *userHome) checkAliases(t *testing.T) {
	t.Helper()
	want := map[string]string{
		"hostname":                     "sshgateway-clevercloud-customers.services.clever-cloud.com",
		"user":                         "ssh",
		"hostkeyalias":                 "clever-ssh-clever",
		"requesttty":                   "force",
		"userknownhostsfile":           filepath.Join(u.dir, ".ssh/clever/known_hosts"),
		"stricthostkeychecking":        "yes",
		"hostkeyalgorithms":            "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
		"verifyhostkeydns":             "no",
		"updatehostkeys":               "no",
		"canonicalizehostname":         "no",
		"controlpath":                  "",
		"proxyjump":                    "",
		"proxyusefdpass":               "no",
		"pubkeyauthentication":         "yes",
		"preferredauthentications":     "publickey",
		"passwordauthentication":       "no",
		"kbdinteractiveauthentication": "no",
		"forwardagent":                 "no",
		"forwardx11":                   "no",
		"tunnel":                       "no",
		"serveraliveinterval":          "30",
		"serveralivecountmax":          "4",
	}
	for alias, target := range map[string]string{"clever": "", "web.clever": appWeb, appPair + ".clever": appPair} {
		got := optionValues(u.options(t, alias))
		want["remotecommand"] = target
		for option, value := range want {
			if got[option] != value {
				t.Errorf("ssh -G %s: %s is %q, want %q", alias, option, got[option], value)
			}
		}
		if !strings.HasSuffix(got["proxycommand"], "/clever-ssh proxy --ssh clever") {
			t.Errorf("ssh -G %s: proxycommand is %q", alias, got["proxycommand"])
		}
	}
}

// optionValues are the values of what ssh -G printed, in one spelling: some releases of ssh print true for yes, and all leave
// out what is none as often as not.
func optionValues(options string) map[string]string {
	is := map[string]string{}
	for line := range strings.Lines(options) {
		option, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch value {
		case "true":
			value = "yes"
		case "false":
			value = "no"
		case "none":
			value = ""
		}
		if _, twice := is[option]; !twice {
			is[option] = value
		}
	}
	return is
}

// hostsFor are the hosts to ask ssh about where a user has a file, the i-th of all: those that it names, four of the others in
// turn, and all if it has something for hosts that come near to ours.
func hostsFor(f users.File, i int) []string {
	if strings.Contains(strings.ReplaceAll(f.Text, "clever/config", ""), "clever") {
		return users.ForeignHosts
	}
	hosts := someOf(users.ForeignHosts, 4*i, 4)
	for _, host := range users.ForeignHosts {
		if strings.Contains(f.Text, host) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// someOf returns n elements of a list from an index on, as if it were a ring.
func someOf(list []string, from, n int) []string {
	from %= len(list)
	return slices.Concat(list, list)[from : from+n]
}

// TestUserFiles has each file in one of the placements.
func TestUserFiles(t *testing.T) {
	t.Parallel()
	for i, f := range append(slices.Clone(users.Files), users.Large()) {
		if f.Unread || strings.Contains(f.Text, "clever/config") && !strings.Contains(f.Text, "/home/me/") {
			continue // for TestSetupRefuses; a relative path leads to the account's own folder, so it is for TestUserFilesOfAnAccount
		}
		p := placements[i%len(placements)]
		t.Run(f.Title+"/"+p.title, func(t *testing.T) {
			t.Parallel()
			u := throwAway(t)
			u.furnish(t, p, f)
			u.check(t, f.Ours, hostsFor(f, i))
		})
	}
	for i, p := range absences {
		t.Run(p.title, func(t *testing.T) {
			t.Parallel()
			u := throwAway(t)
			u.furnish(t, p, users.File{})
			u.check(t, false, hostsFor(users.File{}, i))
		})
	}
}

// refusal is a home in which setup fails, and what it says.
type refusal struct {
	placement
	text string
	said string
}

var refusals = []refusal{
	{placement{"a byte order mark", plain(0o600)}, "\xef\xbb\xbfHost example.com\n", "byte order mark"},
	{placement{"a byte order mark behind links", chain}, "\xef\xbb\xbf", "byte order mark"},
	{placement{"what ssh does not know", plain(0o644)}, "Host *\n    NoSuchKeyword yes\n", "line 2: Bad configuration option"},
	{placement{"what ssh does not know, behind links", chain}, "NoSuchKeyword yes\n", "line 1: Bad configuration option"},
	{placement{"what ssh does not know, with CRLF and no final newline", plain(0o640)}, "# mine\r\nPort many", "line 2: "},
	{placement{"a quote that is not closed", plain(0o600)}, "Host \"example.com\n    User me\n", "line 1: "},
	{placement{"an included file that ssh does not understand", func(home, text string) error {
		return errors.Join(put(home, "bad", 0o600, "NoSuchKeyword yes\n"), put(home, ".ssh/config", 0o600, "Include "+filepath.Join(home, "bad")+"\n"))
	}}, "", "/bad: line 1: Bad configuration option"},
	{placement{"a folder in its place", func(home, _ string) error { return os.Mkdir(filepath.Join(home, ".ssh/config"), 0o700) }}, "", "not a regular file"},
	{placement{"a pipe in its place", func(home, _ string) error { return syscall.Mkfifo(filepath.Join(home, ".ssh/config"), 0o600) }}, "", "not a regular file"},
	{placement{"a link to itself", func(home, _ string) error { return os.Symlink("config", filepath.Join(home, ".ssh/config")) }}, "", "too many levels of symbolic links"},
	{placement{"a link into a folder that is not there", func(home, _ string) error {
		return os.Symlink("../dotfiles/ssh_config", filepath.Join(home, ".ssh/config"))
	}}, "", "dotfiles"},
	{placement{"a config of the user's own where the entries are to be", func(home, text string) error {
		return errors.Join(put(home, ".ssh/clever/config", 0o600, "Host mine\n    Port 2222\n"), put(home, ".ssh/config", 0o600, text))
	}}, "Include clever/config\n", "clever/config is not one of clever-ssh's files"},
	{placement{"a file where the entries' folder is to be", func(home, text string) error {
		return errors.Join(put(home, ".ssh/clever", 0o600, "mine\n"), put(home, ".ssh/config", 0o600, text))
	}}, "Host *\n", "clever"},
}

// A setup that cannot be changes nothing, whatever it had written before it knew.
func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range refusals {
		t.Run(r.title, func(t *testing.T) {
			t.Parallel()
			u := throwAway(t)
			u.checkRefusal(t, r)
		})
	}
}

// checkRefusal runs setup in such a home.
func (u *userHome) checkRefusal(t *testing.T, r refusal) {
	t.Helper()
	u.furnish(t, r.placement, users.File{Text: r.text})
	before := u.listing(t)
	u.command("clever-ssh", append([]string{"setup", "--dry-run"}, u.register...)...).Run() // it asks no ssh, so it may know of nothing
	same(t, "setup --dry-run changed something", before, u.listing(t))
	cmd := u.command("clever-ssh", append([]string{"setup"}, u.register...)...)
	out, err := cmd.Output()
	if status := cmd.ProcessState.ExitCode(); status != ui.ExitFailed || !strings.Contains(said(err), r.said) || len(out) > 0 {
		t.Errorf("setup: exit status %d, want %d and %q:\n%s%s", status, ui.ExitFailed, r.said, out, said(err))
	}
	same(t, "setup failed, and changed something", unstamped(before), unstamped(u.listing(t)))
}
