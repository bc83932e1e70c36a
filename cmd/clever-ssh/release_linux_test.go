package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// The release that is made from the last commit. Nothing else has this version, so leftovers of an
// interrupted test can be recognised.
const (
	testRelease  = "v0.0.1-test.1"
	testPackaged = "0.0.1~test.1"
)

// A release for this system is the same bytes from any clone, and installs as docs/setup.md says.
func TestRelease(t *testing.T) {
	test.Long(t)
	needPrograms(t)
	test.NeedRoot(t)
	test.Need(t, "dpkg")
	t.Parallel()
	clone, other := cloneHere(t), cloneHere(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "the commit has no tag"},
		{[]string{"1.2.3"}, "1.2.3 is not a version; write one such as v1.2.3"},
	} {
		if said := fails(t, releaseIn(clone, c.args...)); !strings.Contains(said, c.want) {
			t.Errorf("release.sh %v: %s", c.args, said)
		}
	}
	runs(t, exec.Command("git", "-C", other, "update-ref", "refs/tags/"+testRelease, "HEAD"))
	system := "linux/" + runtime.GOARCH
	runs(t, releaseIn(clone, testRelease, system))
	again := releaseIn(other, testRelease, system)
	again.Env = append(os.Environ(), foreignSettings(t)...)
	runs(t, again)
	sums := contentOf(t, filepath.Join(clone, "dist/SHA256SUMS"))
	if again := contentOf(t, filepath.Join(other, "dist/SHA256SUMS")); again != sums {
		t.Errorf("two clones make two releases:\n%s\n%s", sums, again)
	}

	dist := filepath.Join(clone, "dist")
	check := exec.Command("sha256sum", "--check", "--ignore-missing", "SHA256SUMS")
	check.Dir = dist
	if out := runs(t, check); strings.Count(out, ": OK\n") != 3 {
		t.Errorf("%v:\n%s", check.Args, out)
	}
	notes := contentOf(t, filepath.Join(dist, "NOTES.md"))
	if !strings.Contains(contentOf(t, filepath.Join(clone, "CHANGELOG.md")), "## [Unreleased]\n"+notes) || !strings.Contains(notes, "### Added\n") {
		t.Errorf("NOTES.md:\n%s", notes)
	}
	want := regexp.MustCompile(`^clever-ssh version ` + regexp.QuoteMeta(testRelease) + `, commit ` +
		strings.TrimSpace(runs(t, exec.Command("git", "-C", clone, "rev-parse", "--short=12", "HEAD"))) + `, go1\.\S+\n$`)

	must(t, os.WriteFile(filepath.Join(clone, "not-committed"), nil, 0o600))
	if said := fails(t, releaseIn(clone, testRelease)); !strings.Contains(said, "not committed;") || !strings.Contains(said, "not-committed") {
		t.Errorf("release.sh with a change: %s", said)
	}
	build := exec.Command("scripts/build.sh", "dist/changed")
	build.Dir, build.Env = clone, append(os.Environ(), "GOFLAGS=-buildvcs=true")
	runs(t, build)
	if out := runs(t, exec.Command(filepath.Join(dist, "changed"), "--version")); !regexp.MustCompile(`, commit [0-9a-f]{12}-dirty, `).MatchString(out) {
		t.Errorf("--version of a changed tree: %s", out)
	}

	t.Run("archive", func(t *testing.T) {
		t.Parallel()
		installArchive(t, filepath.Join(dist, "clever-ssh_"+testRelease[1:]+"_linux_"+runtime.GOARCH+".tar.gz"), want)
	})
	t.Run("deb", func(t *testing.T) {
		t.Parallel()
		installPackage(t, filepath.Join(dist, "clever-ssh_"+testPackaged+"_"+runtime.GOARCH+".deb"), want)
	})
}

// cloneHere clones this repository as committed: the tree may have changes, which a release
// refuses.
func cloneHere(t *testing.T) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "clone")
	os.ReadFile("../../.git/logs/HEAD") // so that Go runs the test again, uncached, after each commit
	runs(t, exec.Command("git", "clone", "-q", "--no-tags", "../..", folder))
	return folder
}

// foreignSettings returns the environment of a developer who builds for other systems in an unusual
// way.
func foreignSettings(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	must(t, os.Mkdir(filepath.Join(folder, "scripts"), 0o700))
	gitConfig := filepath.Join(folder, "gitconfig")
	must(t, os.WriteFile(gitConfig, []byte("[core]\n\tautocrlf = true\n"), 0o600))
	return []string{"CDPATH=" + folder, "GIT_CONFIG_GLOBAL=" + gitConfig, "GOOS=plan9", "GOARCH=386", "GOFLAGS=-tags=nosuch", "GOEXPERIMENT=nogreenteagc",
		"GOFIPS140=latest", "GOWORK=" + filepath.Join(folder, "go.work"), "GO111MODULE=off", "TZ=Asia/Tokyo", "TAR_OPTIONS=--owner=nobody"}
}

func releaseIn(clone string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(clone, "scripts/release.sh"), args...)
}

// newUser makes an account with a key, whose PATH has neither the tests' programs nor Go.
func newUser(t *testing.T) *guest {
	t.Helper()
	g := newGuest(t, "home")
	g.env = append(g.env, "PATH="+g.path(".local/bin")+":"+filepath.Dir(os.Getenv(realSSH))+":/usr/bin:/bin")
	runs(t, g.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", g.path(".ssh/id_ed25519")))
	return g
}

// connects sets a program up for a fake gateway, and checks that plain ssh opens a session.
func connects(t *testing.T, g *guest, program string) {
	t.Helper()
	fake := &gateway.Gateway{HostKeys: mustKeys(hostKeys), AnyKey: &gateway.Account{Organisations: account(nil).Organisations}}
	must(t, fake.Start("127.0.0.1:0"))
	t.Cleanup(func() { fake.Close() })
	runs(t, g.command(program, "setup", "--gateway", "ssh@"+fake.Addr(), "--pin", pinOf(fake, 0), "--pin", pinOf(fake, 1), "web="+appWeb))
	term := start(t, g.command("ssh", "web.clever"))
	term.expect(t, promptPattern)
	term.send(t, "exit 4\n")
	if got := term.status(t); got != 4 {
		t.Errorf("ssh web.clever: exit status %d, want 4", got)
	}
}

func installArchive(t *testing.T, archive string, version *regexp.Regexp) {
	g := newUser(t)
	folder := filepath.Join(g.base, strings.TrimSuffix(filepath.Base(archive), ".tar.gz"))
	runs(t, exec.Command("tar", "-C", g.base, "-xzf", archive))
	list := runs(t, exec.Command("sh", "-c", `cd "$1" && find . -type f | LC_ALL=C sort`, "sh", folder))
	want := []string{"./LICENSE", "./clever-ssh", "./docs/clever-ssh.1", "./completions/_clever-ssh", "./completions/clever-ssh.bash", "./completions/clever-ssh.fish", "./install.sh"}
	for page := range pages(t) {
		want = append(want, "./"+page)
	}
	slices.Sort(want)
	if !slices.Equal(strings.Fields(list), want) {
		t.Errorf("%s holds\n%s", archive, list)
	}
	before := test.Tree(t, g.home)
	script := filepath.Join(folder, "install.sh")

	// install.sh refuses a program built for another system, and names the right archive.
	program := filepath.Join(folder, "clever-ssh")
	own := []byte(contentOf(t, program))
	foreign := bytes.ReplaceAll(own, []byte("build\tGOARCH="+runtime.GOARCH), []byte("build\tGOARCH="+strings.Repeat("x", len(runtime.GOARCH))))
	must(t, os.WriteFile(program, foreign, 0o755))
	if said := fails(t, g.command(script)); !strings.Contains(said, "for another system") || !strings.Contains(said, "linux_"+runtime.GOARCH) {
		t.Errorf("install.sh of another system's archive: %s", said)
	}
	g.expect(t, "after install.sh of another system's archive", before)
	must(t, os.WriteFile(program, own, 0o755))

	// Neither a strict umask nor CDPATH changes what is installed.
	elsewhere := filepath.Join(g.base, "elsewhere")
	must(t, os.MkdirAll(filepath.Join(elsewhere, filepath.Base(folder)), 0o755))
	install := g.command("sh", "-c", `umask 077; cd "$1" && CDPATH=$2 "$3/install.sh" --completion bash --completion=zsh --completion fish`,
		"sh", g.base, elsewhere, filepath.Base(folder))
	out := runs(t, install)
	installed := g.path(".local/bin/clever-ssh")
	for _, want := range []string{"Installed " + installed, "ssh app_<id>.clever", "fpath=("} {
		if !strings.Contains(out, want) || strings.Contains(out, "not on your PATH") {
			t.Errorf("install.sh says nothing of %q:\n%s", want, out)
		}
	}
	if out := runs(t, g.command(installed, "--version")); !version.MatchString(out) {
		t.Errorf("--version: %s", out)
	}
	for from, to := range map[string]string{
		"docs/clever-ssh.1":           "man/man1/clever-ssh.1",
		"completions/clever-ssh.bash": "bash-completion/completions/clever-ssh",
		"completions/_clever-ssh":     "zsh/site-functions/_clever-ssh",
		"completions/clever-ssh.fish": "fish/vendor_completions.d/clever-ssh.fish",
	} {
		sameFiles(t, filepath.Join(folder, from), g.path(".local/share/"+to))
		if info, err := os.Stat(g.path(".local/share/" + to)); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", to, info.Mode(), err)
		}
	}
	connects(t, g, installed)
	once := test.Tree(t, g.home)
	runs(t, g.command(script))
	g.expect(t, "install.sh twice", once)

	runs(t, g.command(script, "--uninstall"))
	left := test.Tree(t, g.home)
	for _, folder := range []string{".config", ".local", ".local/bin"} { // they may have been there, and be on PATH
		if strings.HasPrefix(left[folder], "d") {
			delete(left, folder)
		}
	}
	if !maps.Equal(left, before) {
		t.Errorf("install.sh --uninstall leaves %q of %q", left, before)
	}
}

func installPackage(t *testing.T, deb string, version *regexp.Regexp) {
	if out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "clever-ssh").Output(); err == nil && string(out) != testPackaged {
		t.Fatalf("this machine has clever-ssh %s installed, which the test would take out: run dpkg --purge clever-ssh", out)
	}
	// The triggers (the database of manual pages) take seconds, so they run only with the last
	// command.
	dpkg := func(args ...string) { runs(t, exec.Command("dpkg", append([]string{"--no-triggers"}, args...)...)) }
	purge := func() { runs(t, exec.Command("dpkg", "--purge", "clever-ssh")) }
	t.Cleanup(purge)
	const program = "/usr/bin/clever-ssh"
	files := regexp.MustCompile(`(?m)^-.* root/root .* \.(/.*)$`).FindAllStringSubmatch(runs(t, exec.Command("dpkg-deb", "--contents", deb)), -1)
	names := map[string]bool{}
	for _, file := range files {
		names[file[1]] = true
	}
	for _, name := range []string{program, "/usr/share/man/man1/clever-ssh.1.gz", "/usr/share/doc/clever-ssh/copyright",
		"/usr/share/doc/clever-ssh/docs/troubleshooting.md", "/usr/share/bash-completion/completions/clever-ssh", "/usr/share/zsh/vendor-completions/_clever-ssh",
		"/usr/share/fish/vendor_completions.d/clever-ssh.fish"} {
		if !names[name] {
			t.Errorf("%s is not in the package: %v", name, names)
		}
	}

	g := newUser(t)
	g.write(t, ".ssh/config", "Host example.com\n    Port 2200\n", 0o600)
	before, others := test.Tree(t, g.home), g.options(t, "example.com")
	dpkg("--install", deb)
	g.expect(t, "after dpkg --install", before)
	if out := runs(t, g.command(program, "--version")); !version.MatchString(out) {
		t.Errorf("--version: %s", out)
	}
	connects(t, g, program)

	// Removing the package but not the entries changes nothing for other hosts.
	dpkg("--remove", "clever-ssh")
	if now := g.options(t, "example.com"); now != others {
		t.Errorf("without the package, ssh -G example.com says\n%s\nand before\n%s", now, others)
	}
	dpkg("--install", deb)
	runs(t, g.command(program, "remove", "--all"))
	after := test.Tree(t, g.home)
	delete(after, ".config")
	if !maps.Equal(after, before) {
		t.Errorf("remove --all leaves %q of %q", after, before)
	}
	listed := strings.Fields(runs(t, exec.Command("dpkg", "-L", "clever-ssh")))
	purge()
	for _, name := range listed {
		info, err := os.Lstat(name)
		if err == nil && (!info.IsDir() || strings.Contains(name, "clever-ssh")) {
			t.Errorf("dpkg --purge leaves %s", name)
		}
	}
}
