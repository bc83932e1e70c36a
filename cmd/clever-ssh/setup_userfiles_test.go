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

// Whatever a person's own ssh_config holds, and wherever it is, setup changes nothing for other
// hosts and works for ours, a second setup changes nothing, and remove --all restores everything.
// The tests of package sshconfig check the first with the real ssh for each file of package users,
// and the tests of package setup check the rest for each. Here the program does all of it with one
// file of each family.

// userHome is a home with an ssh configuration in it.
type userHome struct {
	dir string

	// standard is whether ssh itself looks there. The entries' paths are then relative.
	standard bool

	// command makes a command that runs in the home. The method ssh is for questions to ssh.
	command func(name string, args ...string) *exec.Cmd

	// handOver gives everything in the home to the account.
	handOver func() error

	// register holds the arguments with which setup registers web.clever, or nothing if
	// clever-ssh.toml has it already. again holds the arguments of a second setup.
	register, again []string
}

// userFile returns the path of the user's own ssh_config.
func (u *userHome) userFile() string { return filepath.Join(u.dir, ".ssh", "config") }

// ssh returns a command of the real ssh that reads the user's file, or no file if there is none:
// with -F, ssh would stop if the file did not exist.
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

// options returns what ssh -G prints for a host.
func (u *userHome) options(t *testing.T, host string) string {
	t.Helper()
	out, err := u.ssh("-G", host).Output()
	if err != nil {
		t.Fatalf("ssh -G %s: %v\n%s", host, err, said(err))
	}
	return string(out)
}

// foreign returns what ssh -G prints for hosts that are not ours. Each line begins with its host.
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

// said returns what a failed command printed on stderr.
func said(err error) string {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// item is a file, a folder or a link in a home.
type item struct {
	Mode     fs.FileMode
	UID, GID uint32
	Link     string // where a link leads
	Text     string // what a file holds
	stamp
}

// stamp changes with every write: either there is another file under the same name, or the file has
// new content.
type stamp struct {
	Inode    uint64
	Modified int64
}

// listing returns everything in a home, by path.
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

// unstamped returns a listing without the stamps: a restored file need not be the same file.
func unstamped(list map[string]item) map[string]item {
	list = maps.Clone(list)
	for name, it := range list {
		it.stamp = stamp{}
		list[name] = it
	}
	return list
}

// unlocked returns a listing without the stamp of the folder where locks come and go.
func unlocked(list map[string]item) map[string]item {
	const folder = ".config/clever-cloud"
	list = maps.Clone(list)
	it := list[folder]
	it.stamp = stamp{}
	list[folder] = it
	return list
}

// same fails if anything has changed in a home.
func same(t *testing.T, about string, before, after map[string]item) {
	t.Helper()
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(item{})); diff != "" {
		t.Errorf("%s:\n%s", about, diff)
	}
}

// throwAway makes a home where ssh would not look by itself, so the settings name it.
func throwAway(t *testing.T) *userHome {
	t.Helper()
	// Not t.TempDir: a test's title may have characters that a path in ssh_config cannot have.
	dir, err := os.MkdirTemp("", "clever-ssh-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := homeIn(t, dir)
	settings := fmt.Sprintf("# mine\nssh-config = %q\n[names]\nweb = %q\n", h.path("config"), appWeb)
	if err := errors.Join(users.Put(dir, ".config/clever-cloud/clever-ssh.toml", 0o600, settings), os.Remove(h.path("config"))); err != nil {
		t.Fatal(err)
	}
	return &userHome{dir: dir, command: h.command, handOver: func() error { return nil }, again: []string{"web=" + appWeb}}
}

// furnish prepares a home as it is to be before setup.
func (u *userHome) furnish(t *testing.T, p users.Placement, f users.File) {
	t.Helper()
	included := filepath.Join(u.dir, "included")
	if err := errors.Join(os.Mkdir(included, 0o755), users.WriteIncluded(included), p.Place(u.dir, f.In(u.dir, included)), u.handOver()); err != nil {
		t.Fatal(err)
	}
}

// check does to a home what a person would, and checks everything. hosts are not ours; included is
// whether the user's file includes the entries already.
func (u *userHome) check(t *testing.T, included bool, hosts []string) {
	t.Helper()
	before, foreign, own := u.listing(t), u.foreign(t, hosts), u.text()

	u.run(t, append([]string{"setup"}, u.register...)...)
	if now := u.text(); !strings.HasSuffix(now, own) || (now == own) != included {
		t.Errorf("setup made %q of the user's file %q", now, own)
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

// text returns the content of the user's file.
func (u *userHome) text() string {
	text, _ := os.ReadFile(u.userFile()) // it need not exist
	return string(text)
}

// checkAliases checks that our aliases work as the entries say, whatever the user wants for all
// hosts.
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

// optionValues returns the values that ssh -G printed, in one spelling: some releases of ssh print
// true for yes, and all of them often leave out an option that is none.
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

// usersFiles returns the files with these titles.
func usersFiles(t *testing.T, titles ...string) (files []users.File) {
	t.Helper()
	for _, title := range titles {
		i := slices.IndexFunc(users.Files, func(f users.File) bool { return f.Title == title })
		if i < 0 {
			t.Fatalf("no file is called %q", title)
		}
		files = append(files, users.Files[i])
	}
	return files
}

// someHosts returns three of the hosts that are not ours, others for each i.
func someHosts(i int) []string {
	all := users.ForeignHosts
	return []string{all[3*i%len(all)], all[(3*i+1)%len(all)], all[(3*i+2)%len(all)]}
}

// Setup and remove --all work with a file of each family that has none of our lines, each in
// another placement.
func TestUserFiles(t *testing.T) {
	t.Parallel()
	files := usersFiles(t, "CRLF", "includes with patterns inside blocks", "hosts that come near to ours", "the opposite of the entries for our very names")
	for i, f := range files {
		p := users.Placements[i+1]
		t.Run(f.Title+"/"+p.Title, func(t *testing.T) {
			t.Parallel()
			u := throwAway(t)
			u.furnish(t, p, f)
			u.check(t, f.Ours, someHosts(i))
		})
	}
	t.Run("no folder", func(t *testing.T) {
		t.Parallel()
		u := throwAway(t)
		u.furnish(t, users.NoFolder, users.File{})
		u.check(t, false, someHosts(0))
	})
}

// refusal is a home in which setup fails, and what it says.
type refusal struct {
	users.Placement
	text string
	said string
}

// A setup that fails changes nothing, whatever it had written by then. Here ssh refuses the
// configuration.
func TestSetupRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range []refusal{
		{users.Placement{Title: "what ssh does not know, behind links", Place: users.Chain}, "NoSuchKeyword yes\n", "line 1: Bad configuration option"},
		{users.Placement{Title: "what ssh does not know, with CRLF and no final newline", Place: users.Plain(0o640)}, "# mine\r\nPort many", "line 2: "},
		{users.Placement{Title: "a quote that is not closed", Place: users.Plain(0o600)}, "Host \"example.com\n    User me\n", "line 1: "},
		{users.Placement{Title: "an included file that ssh does not understand", Place: func(home, _ string) error {
			return errors.Join(users.Put(home, "bad", 0o600, "NoSuchKeyword yes\n"), users.Put(home, ".ssh/config", 0o600, "Include "+filepath.Join(home, "bad")+"\n"))
		}}, "", "/bad: line 1: Bad configuration option"},
	} {
		t.Run(r.Title, func(t *testing.T) {
			t.Parallel()
			u := throwAway(t)
			u.checkRefusal(t, r)
		})
	}
}

// checkRefusal runs setup in such a home, and checks what it says and that it changes nothing.
func (u *userHome) checkRefusal(t *testing.T, r refusal) {
	t.Helper()
	u.furnish(t, r.Placement, users.File{Text: r.text})
	before := u.listing(t)
	cmd := u.command("clever-ssh", append([]string{"setup"}, u.register...)...)
	out, err := cmd.Output()
	if status := cmd.ProcessState.ExitCode(); status != ui.ExitFailed || !strings.Contains(said(err), r.said) || len(out) > 0 {
		t.Errorf("setup: exit status %d, want %d and %q:\n%s%s", status, ui.ExitFailed, r.said, out, said(err))
	}
	same(t, "setup failed, and changed something", unstamped(before), unstamped(u.listing(t)))
}
