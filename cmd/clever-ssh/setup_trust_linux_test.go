//go:build linux

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"

	"github.com/google/go-cmp/cmp"
)

const settingsFile = ".config/clever-cloud/clever-ssh.toml"

// Settings that another account can write are never used to connect to a gateway. Every command
// that reads them says what is wrong, with a command that fixes it.
func TestSettingsThatOthersCanWrite(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "ho me")
	fake := &gateway.Gateway{HostKeys: mustKeys(hostKeys), AnyKey: &gateway.Account{Organisations: account(nil).Organisations}}
	must(t, fake.Start("127.0.0.1:0"))
	defer fake.Close()
	runs(t, g.command("clever-ssh", "setup", "--gateway", "ssh@"+fake.Addr(), "--pin", pinOf(fake, 0), "--pin", pinOf(fake, 1), "web="+appWeb))
	restore := g.save(t)
	for _, c := range []struct {
		title   string
		spoil   func()
		path    string // what the message names
		says    string
		byRoot  bool // only root can fix it
		command []string
	}{
		{"a file for everybody", func() { must(t, os.Chmod(g.path(settingsFile), 0o666)) }, settingsFile, "others can write to", false, []string{"list"}},
		{"a file for the group", func() { must(t, os.Chmod(g.path(settingsFile), 0o660)) }, settingsFile, "others can write to", false, []string{"setup"}},
		{"a folder as clever-tools makes it under umask 002", func() { must(t, os.Chmod(g.path(".config/clever-cloud"), 0o775)) }, ".config/clever-cloud", "others can write to", false, []string{"setup"}},
		{"a folder for everybody", func() { must(t, os.Chmod(g.path(".config/clever-cloud"), 0o777)) }, ".config/clever-cloud", "others can write to", false, []string{"remove", "--all"}},
		{"a file of somebody else's", func() { must(t, os.Chown(g.path(settingsFile), 65534, 65534), os.Chmod(g.path(settingsFile), 0o644)) },
			settingsFile, "belongs to somebody else", true, []string{"exec", "web.clever", "--", "id"}},
		{"a folder of somebody else's", func() {
			must(t, os.Chown(g.path(".config/clever-cloud"), 65534, 65534), os.Chmod(g.path(".config/clever-cloud"), 0o755))
		},
			".config/clever-cloud", "belongs to somebody else", true, []string{"list"}},
		{"a file in a folder of dotfiles that others can write to", func() {
			g.write(t, "dotfiles/clever.toml", readFile(t, g.path(settingsFile)), 0o644)
			must(t, os.Remove(g.path(settingsFile)), os.Chmod(g.path("dotfiles"), 0o777))
			g.link(t, g.path("dotfiles/clever.toml"), settingsFile)
		}, "dotfiles", "others can write to", false, []string{"putty", "--print", "web.clever"}},
	} {
		restore()
		c.spoil()
		before, connections := test.Tree(t, g.home), fake.Events().Connections
		out, err := g.command("clever-ssh", c.command...).CombinedOutput()
		said := string(out)
		if err == nil || !strings.HasPrefix(said, "clever-ssh: ") || !strings.Contains(said, c.says) || !strings.Contains(said, g.path(c.path)) {
			t.Errorf("%s: %s", c.title, said)
		}
		g.expect(t, c.title, before)
		// ssh and doctor say so too.
		out, err = g.command("ssh", "-tt", "web.clever").CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.says+" "+g.path(c.path)) && !strings.Contains(string(out), g.path(c.path)+" "+c.says) {
			t.Errorf("%s: ssh: %v\n%s", c.title, err, out)
		}
		if now := fake.Events().Connections; now != connections {
			t.Errorf("%s: ssh has connected %d times", c.title, now-connections)
		}
		out, err = g.command("clever-ssh", "doctor").CombinedOutput()
		if err == nil || !regexp.MustCompile(`(?m)^FAIL +settings .*`+c.says).Match(out) {
			t.Errorf("%s: doctor: %v\n%s", c.title, err, out)
		}
		cure := regexp.MustCompile(`(?m)^hint: type: (?:sudo )?(ch.*)$`).FindStringSubmatch(said)
		if cure == nil {
			t.Errorf("%s: no cure in %s", c.title, said)
			continue
		}
		shell := g.command("sh", "-c", cure[1])
		if c.byRoot {
			if strings.Contains(said, "hint: type: "+cure[1]) {
				t.Errorf("%s: without sudo: %s", c.title, said)
			}
			shell = g.rootCommand("sh", "-c", strings.ReplaceAll(cure[1], `"$(id -un)"`, g.name))
		}
		runs(t, shell)
		runs(t, g.command("clever-ssh", "list"))
		runs(t, g.command("clever-ssh", "setup"))
	}
}

// Settings from an administrator count, and so do those in a folder that nobody can write to. The
// files that setup makes have the right modes, whatever the umask.
func TestSettingsOfRoot(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	store := g.base + "/settings"
	g.mkdir(t, ".config")
	must(t, os.Mkdir(store, 0o755), os.WriteFile(store+"/clever-ssh.toml", []byte("[names]\nweb = \""+appWeb+"\"\n"), 0o644),
		os.Chmod(store+"/clever-ssh.toml", 0o444), os.Chmod(store, 0o555))
	for _, lay := range []func(){
		func() { g.link(t, store, ".config/clever-cloud") },
		func() {
			must(t, os.Remove(g.path(".config/clever-cloud")))
			g.mkdir(t, ".config/clever-cloud")
			g.link(t, store+"/clever-ssh.toml", settingsFile)
		},
	} {
		lay()
		if out := runs(t, g.command("clever-ssh", "list")); !strings.Contains(out, appWeb) {
			t.Errorf("list: %s", out)
		}
	}
	g.empty(t)
	for _, umask := range []string{"000", "002", "077"} {
		runs(t, g.command("sh", "-c", "umask "+umask+"; exec "+filepath.Join(g.base, "bin/clever-ssh")+" setup web="+appWeb))
		runs(t, g.command("clever-ssh", "list"))
		runs(t, g.command("clever-ssh", "remove", "--all"))
		must(t, os.RemoveAll(g.path(".config")))
	}
}

// When root sets an account up, it trusts the settings that the account would: its own, but not
// those of a third account.
func TestSettingsThatRootReadsForAnAccount(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	g.mkdir(t, ".config")
	runs(t, g.setupByRoot("web="+appWeb))
	runs(t, g.setupByRoot())
	must(t, os.Chown(g.path(settingsFile), 65534, 65534), os.Chmod(g.path(settingsFile), 0o644))
	said := fails(t, g.setupByRoot())
	if !strings.Contains(said, settingsFile+" belongs to somebody else") || !strings.Contains(said, "\nhint: type: sudo chown "+g.name+" "+g.path(settingsFile)+"\n") {
		t.Error(said)
	}
	runs(t, exec.Command("chown", g.name, g.path(settingsFile)))
	must(t, os.Chmod(g.path(settingsFile), fs.FileMode(0o600)))
	runs(t, g.setupByRoot())
}

// A command in an account's ssh configuration gets neither root's terminal, where it could type
// commands for root, nor root's environment, which may hold secrets.
func TestRootForAnAccountThatExecutes(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	g.mkdir(t, ".config")
	witness := filepath.Join(g.base, "witness")
	g.write(t, "witness.sh", `#!/bin/sh
{ env; if (: </dev/tty) 2>/dev/null; then echo TERMINAL=there; else echo TERMINAL=none; fi; } >'`+witness+`' 2>&1
`, 0o700)
	g.write(t, ".ssh/config", "Match exec "+g.path("witness.sh")+"\n    ForwardAgent yes\n", 0o600)
	must(t, os.WriteFile(witness, nil, 0o666), os.Chmod(witness, 0o666))
	cmd := g.setupByRoot("web=" + appWeb)
	cmd.Env = append(cmd.Env, "AWS_SECRET_ACCESS_KEY=root-s", "CLEVER_TOKEN=root-s", "SSH_AUTH_SOCK=/root/agent", "LD_LIBRARY_PATH=/root/lib", "LANG=C.UTF-8", "LC_TIME=C")
	if term := start(t, cmd); term.status(t) != 0 {
		t.Fatal("setup failed")
	}
	seen := readFile(t, witness)
	for _, line := range []string{"TERMINAL=none", "HOME=" + g.home, "USER=" + g.name, "LOGNAME=" + g.name, "LANG=C.UTF-8", "LC_TIME=C", "SHELL=/bin/sh", "TERM=xterm"} {
		if !strings.Contains("\n"+seen, "\n"+line+"\n") {
			t.Errorf("no %s for the account's command:\n%s", line, seen)
		}
	}
	for line := range strings.Lines(seen) {
		name, _, _ := strings.Cut(line, "=")
		if regexp.MustCompile(`^(AWS|CLEVER|SSH|LD|XDG|GO|REAL)_?`).MatchString(name) || strings.Contains(line, "root") {
			t.Errorf("the account's command has got %s", line)
		}
	}
	expectWeb(t, g)
}

// Entries that stay never name a program that somebody else could replace. For example, one
// unpacked in /tmp is gone after the next clean-up, and then anybody can make a folder of that
// name. A program is fine if the entries disappear with it.
func TestProgramThatOthersCanReplace(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	open := filepath.Join(g.base, "open")
	folder := filepath.Join(open, "clever-ssh_1.2.3_linux_amd64")
	program := filepath.Join(folder, "clever-ssh")
	source, err := filepath.EvalSymlinks(filepath.Join(g.base, "bin/clever-ssh"))
	must(t, err, os.MkdirAll(folder, 0o755), copyProgram(source, program), os.Chown(folder, g.uid, g.gid), os.Chown(program, g.uid, g.gid))
	own := func(path string, uid int, mode fs.FileMode) { must(t, os.Chown(path, uid, -1), os.Chmod(path, mode)) }
	for _, c := range []struct {
		title   string
		prepare func()
		refused string // what others could change, empty if nothing
		args    []string
	}{
		{"a folder as /tmp is", func() { own(open, 0, fs.ModeSticky|0o777) }, open, nil},
		{"a folder as /tmp is, of the account's", func() { own(open, g.uid, fs.ModeSticky|0o777) }, open, nil},
		{"a folder that everybody can write to", func() { own(open, 0, 0o777) }, open, nil},
		{"a folder of somebody else's", func() { own(open, 65534, 0o755) }, open, nil},
		{"a folder of the account's that everybody can write to", func() { own(folder, g.uid, 0o777) }, folder, nil},
		{"a program that everybody can write to", func() { own(program, g.uid, 0o777) }, program, nil},
		{"a program of somebody else's", func() { own(program, 65534, 0o755) }, program, nil},
		{"a folder of root's that a group can write to", func() { own(open, 0, fs.ModeSetgid|0o775) }, "", nil},
		{"a folder of the account's that its group can write to", func() { own(open, g.uid, 0o775) }, "", nil},
		{"a program that root has installed", func() { own(folder, 0, 0o755); own(program, 0, 0o755) }, "", nil},
		{"entries that go away with it", func() { own(open, 0, fs.ModeSticky|0o777); own(folder, g.uid, 0o755) }, "",
			[]string{"--ssh-config", filepath.Join(folder, "config"), "--putty=no"}},
		{"PuTTY's sessions that do not go away with it", func() { own(open, 0, fs.ModeSticky|0o777); own(folder, g.uid, 0o755) }, open,
			[]string{"--ssh-config", filepath.Join(folder, "config"), "--putty=yes"}},
	} {
		g.empty(t)
		own(open, 0, 0o755)
		own(folder, g.uid, 0o755)
		own(program, g.uid, 0o755)
		c.prepare()
		before := test.Tree(t, g.home)
		cmd := g.command(program, append([]string{"setup", "web=" + appWeb}, c.args...)...)
		if c.refused == "" {
			runs(t, cmd)
			runs(t, g.command(program, "remove", "--all"))
			continue
		}
		said := fails(t, cmd)
		if !strings.Contains(said, "clever-ssh: ssh would keep running "+program+", which others could replace: ") || !strings.Contains(said, c.refused) {
			t.Errorf("%s: %s", c.title, said)
		}
		delete(before, ".config") // where the lock was
		after := test.Tree(t, g.home)
		delete(after, ".config")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s: %s", c.title, diff)
		}
		hints := regexp.MustCompile(`(?m)^hint: [^:]*: (.*)$`).FindAllStringSubmatch(said, -1)
		if len(hints) == 0 {
			t.Errorf("%s: no cure in %s", c.title, said)
			continue
		}
		for _, cure := range hints {
			runs(t, g.command("sh", "-c", cure[1]))
		}
		if strings.HasPrefix(hints[0][1], "chmod ") {
			if strings.HasSuffix(hints[0][1], open) {
				t.Errorf("%s: %s", c.title, said) // it is meant to be open
			}
			runs(t, g.command(program, "setup"))
			continue
		}
		if out := runs(t, g.command("ssh", "-G", "clever")); !strings.Contains(out, "\nproxycommand "+g.path(".local/bin/clever-ssh")+" proxy --ssh clever\n") {
			t.Errorf("%s: after %q: %s", c.title, hints, out)
		}
	}

	// doctor checks this too, because what was right may have changed.
	g.empty(t)
	own(open, 0, 0o755)
	own(program, g.uid, 0o755)
	runs(t, g.command(program, "setup"))
	own(open, 0, 0o777)
	out, err := g.command(program, "doctor").CombinedOutput()
	if want := "FAIL  program       ssh would keep running " + program + ", which others could replace: others can write to " + open + " (mode 0777)\n"; err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "could replace") != 1 {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// A .clever.json that somebody leaves in a folder that everybody can write to names no application
// for others, and does not stop their setup.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	open := filepath.Join(g.base, "open")
	work, planted := filepath.Join(open, "work"), filepath.Join(open, ".clever.json")
	must(t, os.MkdirAll(work, 0o755), os.Chown(work, g.uid, g.gid), os.Chmod(open, fs.ModeSticky|0o777))
	for _, c := range []struct {
		title, says string
		plant       func()
	}{
		{"an application", "was ignored: anyone can write to its folder", func() {
			must(t, os.WriteFile(planted, []byte(`{"apps":[{"app_id":"app_evil","alias":"prod"}]}`), 0o644))
		}},
		{"no JSON", "was ignored: anyone can write to its folder", func() { must(t, os.WriteFile(planted, []byte("{"), 0o644)) }},
		{"nothing to read", "was ignored: anyone can write to its folder", func() { must(t, os.WriteFile(planted, []byte("{"), 0)) }},
		{"a pipe", "it is not a regular file", func() { must(t, syscall.Mkfifo(planted, 0o666)) }},
		{"a folder", "it is not a regular file", func() { must(t, os.Mkdir(planted, 0o755)) }},
	} {
		g.empty(t)
		must(t, os.RemoveAll(planted))
		c.plant()
		must(t, os.Chown(planted, 65534, 65534))
		cmd := g.command("clever-ssh", "setup")
		cmd.Dir = work
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), "The entries are written.") || strings.Contains(string(out), "app_evil") || !strings.Contains(stderr.String(), planted) || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%s: %v\n%s%s", c.title, err, out, stderr.String())
		}
		if out := runs(t, g.command("clever-ssh", "list")); strings.Contains(out, "prod") {
			t.Errorf("%s: %s", c.title, out)
		}
	}
}

// Only its owner can change what install.sh installs, whatever the umask. install.sh writes through
// no link that somebody has put in its way, and takes names from no .clever.json: nobody asked for
// any.
func TestInstallTrustsNobody(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	source, err := filepath.EvalSymlinks(filepath.Join(g.base, "bin/clever-ssh"))
	archive := filepath.Join(g.base, "clever-ssh_1.2.3_linux")
	must(t, err, os.Mkdir(archive, 0o755), copyProgram(source, filepath.Join(archive, "clever-ssh")))
	runs(t, exec.Command("cp", "-R", "../../install.sh", "../../docs", archive))
	victim := g.path("precious")
	g.write(t, "precious", "precious", 0o600)
	g.write(t, ".clever.json", `{"apps":[{"app_id":"app_found","alias":"found"}]}`, 0o644)
	for _, folder := range []string{".local", ".local/bin", ".local/share", ".local/share/man", ".local/share/man/man1"} {
		g.mkdir(t, folder)
	}
	links := []string{".local/bin/clever-ssh.new", ".local/bin/clever-ssh", ".local/share/man/man1/clever-ssh.1"}
	for _, name := range links {
		g.link(t, victim, name)
	}
	for range 2 { // the first time over the links, the second over itself
		install := g.command("sh", "-c", "umask 000; exec "+filepath.Join(archive, "install.sh")+" --completion bash")
		out, err := install.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "The entries are written.") || strings.Contains(string(out), "app_found") {
			t.Fatalf("install.sh: %v\n%s", err, out)
		}
		must(t, os.RemoveAll(g.path(".local/bin/clever-ssh.new")))
		if text := readFile(t, victim); text != "precious" {
			t.Fatal("install.sh wrote through a link")
		}
		for name, file := range test.Tree(t, g.home) {
			if fields := strings.Fields(file); name != "." && !strings.HasPrefix(fields[0], "L") && (fields[0][5] == 'w' || fields[0][8] == 'w') {
				t.Errorf("%s: %s", name, fields[0])
			}
		}
		if got, want := files(t, g.path(".local/bin")), []string{"clever-ssh"}; !slices.Equal(got, want) {
			t.Errorf(".local/bin holds %q", got)
		}
		for _, name := range []string{".local/bin/clever-ssh", ".local/share/man/man1/clever-ssh.1", ".local/share/bash-completion/completions/clever-ssh"} {
			if info, err := os.Lstat(g.path(name)); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o444 != 0o444 {
				t.Errorf("%s: %v, error %v", name, info, err)
			}
		}
	}
	runs(t, g.command("sh", filepath.Join(archive, "install.sh"), "--uninstall"))
}

// A configuration that a configuration management tool has left in the group root is set up, unless
// that group has access of its own. In that case setup says what to type, and that works.
func TestConfigurationInAnotherGroup(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "ho me")
	for _, c := range []struct {
		mode    fs.FileMode
		refused bool
	}{{0o644, false}, {0o600, false}, {0o640, true}} {
		g.empty(t)
		g.write(t, ".ssh/config", ownConfig, c.mode)
		must(t, os.Chown(g.path(".ssh/config"), g.uid, 0))
		if c.refused {
			before := test.Tree(t, g.home)
			said := fails(t, g.command("clever-ssh", "setup", "web="+appWeb))
			if !strings.Contains(said, "clever-ssh: writing "+g.path(".ssh/config")+": you are not in its group (root), and replacing the file would change the group; your files are as they were\n") {
				t.Errorf("%04o: %s", c.mode, said)
			}
			delete(before, ".config")
			after := test.Tree(t, g.home)
			delete(after, ".config")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("%04o: %s", c.mode, diff)
			}
			cure := regexp.MustCompile(`(?m)^hint: to let setup change its group: (chmod .*?)   \(`).FindStringSubmatch(said)
			if cure == nil {
				t.Fatal(said)
			}
			runs(t, g.command("sh", "-c", cure[1]))
		}
		runs(t, g.command("clever-ssh", "setup", "web="+appWeb))
		expectWeb(t, g)
		runs(t, g.command("clever-ssh", "remove", "--all"))
		if text := readFile(t, g.path(".ssh/config")); text != ownConfig {
			t.Errorf("%04o: %s", c.mode, text)
		}
	}
}

// sudo may keep $HOME. Root's ssh then looks for included files in the account's home, and refuses
// them because they are another account's. That is no reason to take them from the account: setup
// says to run it without sudo.
func TestSudoThatKeepsHome(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	runs(t, g.command("clever-ssh", "setup", "--putty=no", "web="+appWeb))
	before := test.Tree(t, g.home)
	root := filepath.Join(g.base, "root") // takes the place of root's own home, for these commands only
	source, err := filepath.EvalSymlinks(filepath.Join(g.base, "bin/clever-ssh"))
	must(t, err, os.Mkdir(root, 0o700), copyProgram(source, filepath.Join(root, "clever-ssh")))
	sudo := func(args ...string) *exec.Cmd {
		cmd := g.rootCommand("unshare", append([]string{"--mount", "sh", "-c", `mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$PWD/clever-ssh" "$@"`, "sh", root, rootHome(t)}, args...)...)
		cmd.Env = append(cmd.Env, "SUDO_USER="+g.name, "SUDO_UID="+strconv.Itoa(g.uid), "USER=root", "LOGNAME=root", "PUTTYDIR="+root)
		return cmd
	}
	needs(t, "a mount namespace", sudo("list"))
	said := fails(t, sudo("setup", "web="+appWeb))
	if !strings.Contains(said, "\nhint: this is for root's ssh, and $HOME is "+g.home+"; for "+g.name+"'s, run it without sudo\n") || strings.Contains(said, "chown") {
		t.Error(said)
	}
	g.expect(t, "sudo", before)
	expectWeb(t, g)
	if left := slices.DeleteFunc(files(t, root), func(name string) bool { return name == ".config" || name == "clever-ssh" }); len(left) > 0 {
		t.Errorf("root's home holds %q", left)
	}
}

func rootHome(t *testing.T) string {
	t.Helper()
	u, err := user.LookupId("0")
	must(t, err)
	return u.HomeDir
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// When root runs doctor for an account, doctor does not log in: the configuration is the account's,
// and ssh would run its commands as root.
func TestDoctorByRootForAnAccount(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	fake := &gateway.Gateway{HostKeys: mustKeys(hostKeys), AnyKey: &gateway.Account{Organisations: account(nil).Organisations}}
	must(t, fake.Start("127.0.0.1:0"))
	defer fake.Close()
	g.mkdir(t, ".config")
	runs(t, g.setupByRoot("--gateway", "ssh@"+fake.Addr(), "--pin", pinOf(fake, 0), "--pin", pinOf(fake, 1), "web="+appWeb))
	witness := filepath.Join(g.base, "witness")
	must(t, os.WriteFile(witness, nil, 0o666), os.Chmod(witness, 0o666))
	g.write(t, ".ssh/config", "Match exec \"id -u >>"+witness+"\"\n    ForwardAgent yes\n", 0o600) // without our line
	cmd := g.rootCommand("clever-ssh", "doctor", "web.clever")
	cmd.Env = append(cmd.Env, "HOME=/root", "USER=root", "LOGNAME=root", "XDG_CONFIG_HOME="+g.path(".config"), "PUTTYDIR="+g.path(".putty"))
	out, _ := cmd.CombinedOutput()
	for _, check := range []string{"keys", "login"} {
		if !regexp.MustCompile(`(?m)^-- +` + check + ` .*run doctor as that account`).Match(out) {
			t.Errorf("%s: %s", check, out)
		}
	}
	if seen := readFile(t, witness); seen == "" || strings.Contains("\n"+seen, "\n0\n") {
		t.Errorf("the account's command ran as %q", seen)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}
