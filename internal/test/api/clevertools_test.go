package api_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/api"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

const (
	application = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instance    = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
)

// Clever Cloud's own command line takes this API for Clever Cloud's: it finds what it asks for, in the form that it
// expects.
func TestCleverTools(t *testing.T) {
	test.Slow(t)
	test.Need(t, "node", "npm", "ssh", "bash")
	dir := t.TempDir()
	key, err := gateway.WriteUserKey(filepath.Join(dir, "id"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway.Gateway{Accounts: []gateway.Account{{Keys: []ssh.PublicKey{key}, Organisations: []gateway.Organisation{{Name: "Acme",
		Applications: []gateway.Application{{Name: "web", ID: application, Instances: []gateway.Instance{{ID: instance, Name: "Sleepy Ponita"}}}}}}}}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	a := &api.API{
		Login: api.TestLogin,
		User:  api.Owner{ID: "user_1", Name: "Ada", Applications: []api.Application{{ID: "app_toy", Name: "toy"}}},
		Organisations: []api.Owner{{ID: "orga_1", Name: "Acme", Applications: []api.Application{
			{ID: application, Name: "web", Instances: []api.Instance{{ID: instance, Name: "Sleepy Ponita", State: "UP"}}},
		}}},
	}
	a.Start()
	t.Cleanup(a.Close)

	node, packages := "node", []string{"clever-tools@4.11.0"}
	if exec.Command("node", "-e", `process.exit(require("util").styleText ? 0 : 1)`).Run() != nil {
		// Debian 12's Node is too old for clever-tools. npm has newer ones.
		out, err := exec.Command("node", "-p", `"node-" + process.platform + "-" + process.arch`).Output()
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSpace(string(out))
		node, packages = filepath.Join(dir, "node_modules", name, "bin/node"), append(packages, name+"@22.23.5")
	}
	install := exec.Command("npm", append([]string{"install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", dir}, packages...)...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bin := filepath.Join(dir, "bin")
	host, port, err := net.SplitHostPort(g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	options := test.SSHArguments(test.Alone, test.AnyHostKey, []string{"LogLevel ERROR", "IdentityFile " + filepath.Join(dir, "id"), "Port " + port})
	script := fmt.Sprintf("#!/bin/bash\nexec '%s' '%s' \"$@\"\n", real, strings.Join(options, "' '"))
	for _, err := range []error{os.Mkdir(bin, 0o700), os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	clever := func(secret string, args ...string) (string, error) {
		cmd := exec.Command(node, append([]string{filepath.Join(dir, "node_modules/clever-tools/bin/clever.js")}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, ".config"), "PATH="+bin+":"+os.Getenv("PATH"), "NO_UPDATE_NOTIFIER=1",
			"CLEVER_TOKEN="+a.Login.Token, "CLEVER_SECRET="+secret, "API_HOST="+a.URL(), "SSH_GATEWAY=ssh@"+host)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := clever(a.Login.Secret, "applications", "list")
	if err != nil || !strings.Contains(out, application) || !strings.Contains(out, "Organization 'Acme' (orga_1) with 1 application") || !strings.Contains(out, "app_toy") {
		t.Errorf("clever applications list: %v\n%s", err, out)
	}
	out, err = clever(a.Login.Secret, "ssh", "--app", "web", "--command", "echo here; exit 7")
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 || !strings.Contains(out, "here") {
		t.Errorf("clever ssh: %v\n%s", err, out)
	}
	if targets := g.Events().Sessions; len(targets) != 1 || targets[0].Target != instance {
		t.Errorf("clever ssh went to %+v", targets)
	}
	if want := "GET /v2/organisations/orga_1/applications/" + application + "/instances"; !slices.Contains(a.Requests(), want) {
		t.Errorf("no %s: %q", want, a.Requests())
	}
	if out, err := clever("another", "applications", "list"); err == nil || !strings.Contains(out, "not logged in") {
		t.Errorf("with another secret: %v\n%s", err, out)
	}
}
