//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
)

// guest is a real account of this machine. ssh and clever-ssh find its home in the account
// database, and everything is where users have it.
type guest struct {
	name     string
	base     string // root's folder for the home and the test's other files
	home     string
	uid, gid int
	env      []string
}

// accounts is held while a test changes the account database: a program that finds the database
// locked tries again only once a second.
var accounts struct {
	sync.Mutex
	made int
}

// deleteAccount deletes an account once its processes have ended.
func deleteAccount(t *testing.T, name string) {
	t.Helper()
	var out []byte
	defer func() { // also when it takes too long
		if t.Failed() {
			t.Logf("userdel: %s", out)
		}
	}()
	test.Eventually(t, "the account is deleted", func() bool {
		accounts.Lock()
		defer accounts.Unlock()
		var err error
		out, err = exec.Command("userdel", name).CombinedOutput()
		return err == nil
	})
}

// newGuest makes an account with an empty home.
func newGuest(t *testing.T, homeName string) *guest {
	t.Helper()
	needPrograms(t)
	test.NeedRoot(t)
	test.Need(t, "useradd", "userdel")
	base, err := os.MkdirTemp("", "clever-ssh-")
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{base: base, home: filepath.Join(base, homeName)}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	accounts.Lock()
	defer accounts.Unlock()
	accounts.made++
	g.name = fmt.Sprintf("clever-ssh-%d-%d", os.Getpid(), accounts.made)
	if out, err := exec.Command("useradd", "-M", "-d", g.home, "-s", "/bin/sh", g.name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() { deleteAccount(t, g.name) })
	u, err := user.Lookup(g.name)
	if err != nil {
		t.Fatal(err)
	}
	g.uid, _ = strconv.Atoi(u.Uid)
	g.gid, _ = strconv.Atoi(u.Gid)

	// The program is reached through a link, as with a package manager.
	bin := filepath.Join(base, "bin")
	must(t, os.Chmod(base, 0o755), os.Mkdir(bin, 0o755), os.Chmod(bin, 0o755), os.Symlink(releasedProgram(t), filepath.Join(bin, "clever-ssh")))
	g.empty(t)
	g.env = []string{"HOME=" + g.home, "USER=" + g.name, "LOGNAME=" + g.name, "SHELL=/bin/sh", "TERM=xterm", "GORACE=atexit_sleep_ms=0",
		"PATH=" + bin + ":" + filepath.Dir(os.Getenv(realSSH)) + ":/usr/bin:/bin"}
	return g
}

// path returns the path of a file in the home.
func (g *guest) path(name string) string { return filepath.Join(g.home, name) }

// write puts a file of the account's into its home, and makes the folder for it.
func (g *guest) write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	path := g.path(name)
	g.mkdir(t, filepath.Dir(name))
	must(t, os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode), os.Chown(path, g.uid, g.gid))
}

func (g *guest) mkdir(t *testing.T, name string) {
	t.Helper()
	if name == "." {
		return
	}
	if err := os.Mkdir(g.path(name), 0o700); !errors.Is(err, fs.ErrExist) {
		must(t, err, os.Chown(g.path(name), g.uid, g.gid))
	}
}

// link puts a symbolic link of the account's into its home.
func (g *guest) link(t *testing.T, to, name string) {
	t.Helper()
	g.mkdir(t, filepath.Dir(name))
	must(t, os.Symlink(to, g.path(name)), os.Lchown(g.path(name), g.uid, g.gid))
}

// command returns a command that the account runs.
func (g *guest) command(name string, args ...string) *exec.Cmd {
	cmd := g.rootCommand(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(g.uid), Gid: uint32(g.gid)}}
	return cmd
}

// rootCommand returns a command that root runs, with the account's environment.
func (g *guest) rootCommand(name string, args ...string) *exec.Cmd {
	switch name {
	case "ssh": // not the stories' ssh, which reads another file
		name = os.Getenv(realSSH)
	case "clever-ssh":
		name = filepath.Join(g.base, "bin", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = g.home, g.env
	return cmd
}

// fails runs a command that must end with exit status 1 and print nothing on stdout, and returns
// its stderr.
func fails(t *testing.T, cmd *exec.Cmd) (said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 || stdout.Len() > 0 {
		t.Errorf("%v: %v, want exit status 1\n%s%s", cmd.Args, err, stdout.String(), stderr.String())
	}
	return stderr.String()
}

// options returns what ssh -G prints for the account.
func (g *guest) options(t *testing.T, args ...string) string {
	t.Helper()
	cmd := g.command("ssh", append([]string{"-G"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return string(out)
}

// expect fails unless the home is the same as a tree.
func (g *guest) expect(t *testing.T, about string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, test.Tree(t, g.home)); diff != "" {
		t.Errorf("%s: %s", about, diff)
	}
}

// empty replaces the home with an empty one.
func (g *guest) empty(t *testing.T) {
	t.Helper()
	must(t, os.RemoveAll(g.home), os.Mkdir(g.home, 0o700), os.Chown(g.home, g.uid, g.gid))
}

// save keeps a copy of the home; restore brings it back.
func (g *guest) save(t *testing.T) (restore func()) {
	t.Helper()
	saved := filepath.Join(g.base, "saved")
	must(t, os.RemoveAll(saved))
	runs(t, exec.Command("cp", "-a", g.home, saved))
	return func() {
		must(t, os.RemoveAll(g.home))
		runs(t, exec.Command("cp", "-a", saved, g.home))
	}
}

// ownConfig is a user's configuration, in a folder of dotfiles shared with Windows.
const ownConfig = "# my hosts\r\nHost *\r\n    ForwardAgent yes\r\n\r\nHost example.com\r\n    Port 2200\r\n"

func layOutDotfiles(t *testing.T, g *guest) {
	t.Helper()
	g.write(t, "dotfiles/ssh_config", ownConfig, 0o640)
	g.link(t, "../dotfiles/ssh_config", ".ssh/config")
}

// store makes a folder of root's that nobody can write to, with a file that only root could change.
// The account's ~/.ssh/config becomes a link to another link to it, which is how home-manager keeps
// files.
func store(t *testing.T, g *guest, text string) (file string) {
	t.Helper()
	dir := filepath.Join(g.base, "store")
	file = filepath.Join(dir, "ssh_config")
	must(t, os.Mkdir(dir, 0o755), os.WriteFile(file, []byte(text), 0o444), os.Chmod(file, 0o444),
		os.Symlink(file, filepath.Join(dir, "generation")), os.Chmod(dir, 0o555))
	g.link(t, filepath.Join(dir, "generation"), ".ssh/config")
	return file
}

const storeConfig = "Host *\n    ForwardAgent yes\n"

// expectWeb fails unless the account's ssh finds the entries.
func expectWeb(t *testing.T, g *guest) {
	t.Helper()
	options := g.options(t, "web.clever")
	for _, line := range []string{"remotecommand " + appWeb, "hostkeyalias clever-ssh-clever", "forwardagent no", "requesttty force"} {
		if !strings.Contains(options, "\n"+line+"\n") {
			t.Errorf("ssh -G web.clever: no %q in\n%s", line, options)
		}
	}
}

// If the user's file cannot be written, setup says which line to add to it, and changes nothing
// until the line is there.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	file := store(t, g, storeConfig)
	before := test.Tree(t, g.home)
	said := fails(t, g.command("clever-ssh", "setup", "web="+appWeb))
	if !strings.Contains(said, "clever-ssh: writing "+g.path(".ssh/config")+": ") || !strings.Contains(said, ": permission denied; your files are as they were\n") ||
		!strings.Contains(said, "\nhint: if "+g.path(".ssh/config")+" is managed elsewhere or must not be changed, put this line at its top yourself and run this again: Include clever/config\n") {
		t.Error(said)
	}
	g.expect(t, "refused", before)

	// Without the line, setup can still write everything else.
	said = runs(t, g.command("clever-ssh", "setup", "--no-include", "web="+appWeb))
	if !strings.HasPrefix(said, "Put this line at the top of "+g.path(".ssh/config")+":\n\n    Include clever/config\n\n") {
		t.Error(said)
	}
	if strings.Contains(g.options(t, "web.clever"), appWeb) {
		t.Error("ssh finds the entries without the line")
	}
	for _, name := range []string{".ssh/clever/config", ".ssh/clever/match", ".config/clever-cloud/clever-ssh.toml"} {
		if _, err := os.Stat(g.path(name)); err != nil {
			t.Error(err)
		}
	}
	runs(t, g.command("clever-ssh", "remove", "--all"))
	before[".config"] = test.Tree(t, g.home)[".config"] // it may have other uses by now
	g.expect(t, "remove --all without the line", before)

	// The owner of the file adds the line.
	const fixed = "Include clever/config\n" + storeConfig
	must(t, os.WriteFile(file, []byte(fixed), 0o444))
	before = test.Tree(t, g.home)
	if said := runs(t, g.command("clever-ssh", "setup", "web="+appWeb)); !strings.HasPrefix(said, "The entries are written. Once you have a key, type:") {
		t.Error(said)
	}
	expectWeb(t, g)
	runs(t, g.command("clever-ssh", "remove", "--all"))
	g.expect(t, "remove --all", before)
	if text, err := os.ReadFile(file); err != nil || string(text) != fixed {
		t.Errorf("the file in the store: %v\n%s", err, text)
	}
}

// A file that ssh refuses because others can write to it stays as it is. The command that setup
// suggests fixes it.
func TestOthersCanWrite(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "ho me")
	for _, mode := range []fs.FileMode{0o666, 0o602} {
		g.empty(t)
		g.write(t, ".ssh/config", ownConfig, mode)
		before := test.Tree(t, g.home)
		said := fails(t, g.command("clever-ssh", "setup", "web="+appWeb))
		if !strings.Contains(said, "Bad owner or permissions on "+g.path(".ssh/config")) || !strings.Contains(said, "your files are as they were") {
			t.Error(said)
		}
		g.expect(t, "refused", before)
		cure := regexp.MustCompile(`(?m)^hint: type: (chmod .*)$`).FindStringSubmatch(said)
		if cure == nil {
			t.Fatal(said)
		}
		runs(t, g.command("sh", "-c", cure[1]))
		runs(t, g.command("clever-ssh", "setup", "web="+appWeb))
		expectWeb(t, g)
		runs(t, g.command("clever-ssh", "remove", "--all"))
		if info, err := os.Stat(g.path(".ssh/config")); err != nil || info.Mode() != mode&^0o022 {
			t.Errorf("mode %v, error %v", info.Mode(), err)
		}
	}
}

// setupByRoot returns the command with which root sets clever-ssh up for the account.
func (g *guest) setupByRoot(args ...string) *exec.Cmd {
	cmd := g.rootCommand("clever-ssh", append([]string{"setup", "--ssh-config", g.path(".ssh/config")}, args...)...)
	cmd.Env = append(cmd.Env, "HOME=/root", "USER=root", "LOGNAME=root", "XDG_CONFIG_HOME="+g.path(".config"), "PUTTYDIR="+g.path(".putty"))
	return cmd
}

// What root sets up for an account belongs to the account, works for it, and can be removed by it.
// The commands in the account's ssh configuration do not run as root.
func TestRootForAnAccount(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	witness := filepath.Join(g.base, "witness")
	for name, own := range map[string]string{"nothing": "", "dotfiles": "Match exec \"id -u >>" + witness + "\"\n    ForwardAgent yes\n"} {
		t.Run(name, func(t *testing.T) {
			g.empty(t)
			g.mkdir(t, ".config")
			if own != "" {
				g.write(t, "dotfiles/ssh_config", own, 0o640)
				g.link(t, "../dotfiles/ssh_config", ".ssh/config")
				must(t, os.WriteFile(witness, nil, 0o666), os.Chmod(witness, 0o666))
			}
			before := test.Tree(t, g.home)
			if said := runs(t, g.setupByRoot("web="+appWeb)); !strings.HasPrefix(said, "Ready.") {
				t.Error(said)
			}
			if own != "" {
				text, err := os.ReadFile(witness)
				if uids := strings.Fields(string(text)); err != nil || len(uids) == 0 || strings.Trim(strings.ReplaceAll(string(text), strconv.Itoa(g.uid), ""), "\n") != "" {
					t.Errorf("the account's Match exec ran as %q, error %v", uids, err)
				}
			}
			after := test.Tree(t, g.home)
			for name, file := range after {
				if fields := strings.Fields(file); fields[1] != fmt.Sprintf("%d:%d", g.uid, g.gid) {
					t.Errorf("%s: %.60s", name, file)
				}
				if was, ok := before[name]; ok && name != "dotfiles/ssh_config" && file != was {
					t.Errorf("%s: %s, was %s", name, file, was)
				}
			}
			if own != "" && !strings.HasPrefix(after["dotfiles/ssh_config"], "-rw-r----- ") {
				t.Errorf("the user's file: %s", after["dotfiles/ssh_config"])
			}
			for _, name := range []string{".ssh/clever/config", ".ssh/config", ".config/clever-cloud/clever-ssh.toml"} {
				if _, ok := after[name]; !ok {
					t.Errorf("there is no %s", name)
				}
			}
			expectWeb(t, g)
			runs(t, g.command("ssh", "-G", "app_direct.clever"))
			runs(t, g.command("clever-ssh", "setup", "pair="+appPair))
			expectWeb(t, g)
			if said := fails(t, g.command("clever-ssh", "setup", "web="+appPair)); !strings.Contains(said, `the name "web" already points to `+appWeb) {
				t.Errorf("the account does not find what root has set up: %s", said)
			}
			runs(t, g.command("clever-ssh", "remove", "--all"))
			g.expect(t, "remove --all", before)
		})
	}
}

// When root sets an account up, it goes nowhere that the account could not go itself.
func TestRootFollowsNoLinks(t *testing.T) {
	t.Parallel()
	g := newGuest(t, "home")
	const secret = "Host *\n    User nobody-may-know\n"
	private := filepath.Join(g.base, "private")
	file := filepath.Join(private, "config")
	must(t, os.Mkdir(private, 0o700), os.WriteFile(file, []byte(secret), 0o600))
	for to, name := range map[string]string{file: ".ssh/config", private: ".ssh/clever", private + "/": ".config/clever-cloud", private + "/.": ".ssh"} {
		t.Run(name, func(t *testing.T) {
			g.empty(t)
			g.mkdir(t, ".config")
			g.link(t, to, name)
			before := test.Tree(t, g.home)
			was, err := os.Stat(file)
			must(t, err)
			if said := fails(t, g.setupByRoot("web="+appWeb)); !strings.Contains(said, "permission denied") || strings.Contains(said, "nobody-may-know") {
				t.Error(said)
			}
			g.expect(t, "refused", before)
			text, err := os.ReadFile(file)
			must(t, err)
			now, err := os.Stat(file)
			must(t, err)
			if string(text) != secret || !os.SameFile(was, now) || now.Mode() != 0o600 || !now.ModTime().Equal(was.ModTime()) {
				t.Errorf("root's own file: %v\n%s", now.Mode(), text)
			}
			if entries, err := os.ReadDir(private); err != nil || len(entries) != 1 {
				t.Errorf("root's own folder: %v, error %v", entries, err)
			}
		})
	}
}
