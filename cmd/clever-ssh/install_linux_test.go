//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// A new account on this machine installs from a checkout, connects with plain ssh, which reads the account's
// own home, and removes everything again.
func TestNewAccount(t *testing.T) {
	test.Long(t)
	needPrograms(t)
	test.NeedRoot(t)
	test.Need(t, "useradd", "userdel")
	t.Parallel()
	name := fmt.Sprintf("clever-ssh-%d", os.Getpid())
	must := func(cmd *exec.Cmd) string {
		t.Helper()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		return string(out)
	}
	must(exec.Command("useradd", "-m", "-s", "/bin/bash", name))
	t.Cleanup(func() {
		exec.Command("pkill", "-KILL", "-u", name).Run()
		exec.Command("userdel", "-r", name).Run()
	})
	home := filepath.Join("/home", name)
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	must(exec.Command("cp", "-R", source, filepath.Join(home, "src")))
	must(exec.Command("chown", "-R", name+":", filepath.Join(home, "src")))
	// Reuse what Go has already built for us; only the folders become the account's.
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	must(exec.Command("sh", "-c", `mkdir "$2" && { cp -al "$1" "$2/go-build" || rm -rf "$2/go-build"; } &&
		find "$2" -type d -exec chown "$3:" {} +`,
		"sh", strings.TrimSpace(string(cache)), filepath.Join(home, ".cache"), name))
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	goRoot := strings.TrimSpace(string(root))
	as := func(args ...string) *exec.Cmd {
		cmd := exec.Command("runuser", append([]string{"-u", name, "--"}, args...)...)
		cmd.Dir = filepath.Join(home, "src")
		cmd.Env = append(os.Environ(), "HOME="+home, "USER="+name, "LOGNAME="+name, "SHELL=/bin/bash", "TERM=xterm",
			// Go passes its own folder to its tests. It is one of ours if Go fetched this toolchain itself.
			"GOROOT=",
			"GOPATH=", "GOCACHE=", "GOMODCACHE=", "GOFLAGS=-buildvcs=false", "XDG_CONFIG_HOME=", "TMPDIR=", "OUTPOSTS=",
			"PATH="+filepath.Join(home, ".local/bin")+":"+goRoot+"/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
		return cmd
	}
	// A Go that was fetched as a module is in a folder of ours.
	if as("test", "-x", filepath.Join(goRoot, "bin/go")).Run() != nil {
		own := filepath.Join(home, ".cache/goroot")
		must(exec.Command("cp", "-R", goRoot, own))
		goRoot = own
	}
	// listing names everything in the home that the installation is responsible for. Go's caches are not.
	listing := func() string {
		var list []string
		for path := range strings.Lines(must(as("find", home))) {
			own, _ := filepath.Rel(home, strings.TrimSpace(path))
			for _, other := range []string{"src", "go", ".cache", ".config/go"} {
				if own == other || strings.HasPrefix(own, other+"/") {
					own = ""
				}
			}
			if own != "" {
				list = append(list, own)
			}
		}
		slices.Sort(list)
		return strings.Join(list, "\n")
	}

	must(as("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(home, ".ssh/id_ed25519")))
	before := listing()
	if out := must(as("./install.sh")); !strings.Contains(out, "ssh app_<id>.clever") ||
		strings.Contains(out, "not on your PATH") {
		t.Errorf("install.sh:\n%s", out)
	}
	once := listing()
	must(as("./install.sh"))
	if again := listing(); again != once {
		t.Errorf("install.sh twice:\n%s\nonce:\n%s", again, once)
	}

	anybody := &gateway.Account{Organisations: account(nil).Organisations}
	g := &gateway.Gateway{HostKeys: mustKeys(hostKeys), AnyKey: anybody}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	must(as("clever-ssh", "setup", "--gateway", "ssh@"+g.Addr(),
		"--pin", pinOf(g, 0), "--pin", pinOf(g, 1), "web="+appWeb))
	for _, alias := range []string{appWeb + ".clever", "web.clever"} {
		term := start(t, as("ssh", alias))
		term.expect(t, promptPattern)
		term.send(t, "exit 4\n")
		if got := term.status(t); got != 4 {
			t.Errorf("ssh %s: exit status %d, want 4", alias, got)
		}
	}
	// ssh looks for a relative Include below $HOME. With another $HOME it finds nothing, and setup says so.
	if out := must(as("env", "HOME=/tmp", "clever-ssh", "setup")); !strings.Contains(out,
		"ssh does not find the entries in "+home+"/.ssh/config from here: $HOME is /tmp") {
		t.Errorf("setup with another $HOME:\n%s", out)
	}
	// So does doctor, which finds nothing else wrong.
	if out := must(as("clever-ssh", "doctor", "web.clever")); !strings.Contains(out,
		"web.clever: the gateway lets you in, with "+home+"/.ssh/id_ed25519 ED25519 SHA256:") ||
		strings.Contains(out, "WARN") {
		t.Errorf("doctor:\n%s", out)
	}
	out, err := as("env", "HOME=/tmp", "clever-ssh", "doctor").CombinedOutput()
	if err == nil ||
		!strings.Contains(string(out), "FAIL  home          the account's home is "+home+", but $HOME is \"/tmp\",") ||
		!strings.Contains(string(out), "hint: type: export HOME="+home) {
		t.Errorf("doctor with another $HOME: %v\n%s", err, out)
	}
	config, err := os.ReadFile(filepath.Join(home, ".ssh/config"))
	if err != nil || string(config) != "Include clever/config\n" {
		t.Errorf(".ssh/config: %v\n%s", err, config)
	}

	// The demo has a home and settings of its own, whatever the account's are.
	installed, demo := listing(), must(as("scripts/demo.sh", "--check"))
	if !strings.Contains(demo, "demo: the prompt appeared") {
		t.Errorf("scripts/demo.sh --check:\n%s", demo)
	}
	if now := listing(); now != installed {
		t.Errorf("after scripts/demo.sh --check:\n%s\nbefore:\n%s", now, installed)
	}

	must(as("./install.sh", "--uninstall"))
	after := listing()
	for _, folder := range []string{"\n.config", "\n.local\n.local/bin"} {
		after = strings.Replace(after, folder, "", 1)
	}
	if after != before {
		t.Errorf("after --uninstall:\n%s\nbefore:\n%s", after, before)
	}
	if out, err := as("./install.sh", "--uninstall").CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "nothing was changed") {
		t.Errorf("--uninstall twice: %v\n%s", err, out)
	}
}
