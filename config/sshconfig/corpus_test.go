package sshconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test/users"
)

const (
	webTarget  config.Target = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instanceID config.Target = "0123abcd-4567-89ab-cdef-0123456789ab"
)

// someProgram needs no quotes in any shell.
var someProgram = Program{Proxy: "/opt/bin/clever-ssh", Match: "exec /opt/bin/clever-ssh"}

// standard is the layout of nearly everybody. Nothing is ever written there.
var standard = Layout{UserFile: "/home/me/.ssh/config", Standard: true, Program: someProgram, RSA: true}

// userFiles are what setup may find; foreignHosts must be treated the same before and after it.
var (
	userFiles    = users.Files
	foreignHosts = users.ForeignHosts
)

// place returns the text of a file, with the files that it includes in a folder of the test's own.
func place(t *testing.T, f users.File) string {
	t.Helper()
	if !strings.Contains(f.Text, "DIR/") {
		return f.Text
	}
	dir := tempDir(t)
	if err := users.WriteIncluded(dir); err != nil {
		t.Fatal(err)
	}
	return f.In("", dir)
}

// write makes a file as ssh wants it: for the user alone.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tempDir is t.TempDir without the test's title in the path: the titles here are full of characters that mean
// something to ssh.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshconfig-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newLayout returns a layout below a fresh folder, which may have a name of its own.
func newLayout(t *testing.T, folder string) Layout {
	t.Helper()
	return Layout{UserFile: filepath.Join(tempDir(t), folder, "ssh_config"), Program: someProgram, RSA: true}
}

// setup does what the command of that name does: it writes the entries, and the Include line into the user's text.
func setup(t *testing.T, c *config.Config, l Layout, user string) {
	t.Helper()
	text, err := editUserFile(user, l)
	if err != nil {
		t.Fatal(err)
	}
	write(t, l.UserFile, string(text))
	write(t, l.ConfigFile(), string(Config(c, l)))
	if m := Match(c, l); m != nil {
		write(t, l.MatchFile(), string(m))
	}
}

// editUserFile returns the user's text with the Include line.
func editUserFile(text string, l Layout) ([]byte, error) {
	edited, _, err := EditUserFile([]byte(text), l, true)
	return edited, err
}

// parse reads a clever-ssh.toml: whatever goes into the entries has always passed through it.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("clever-ssh.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// somePin is a pin, which every gateway but the built-in one must have.
const somePin = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const oneName = "[names]\nweb = \"" + string(webTarget) + "\"\n"

// twoGateways has everything that a gateway's block can hold.
const twoGateways = `
[[gateway]]
identity = "/keys/my key 100%"

[[gateway]]
suffix = "staging"
address = "bob@gw.example:2222"
pins = ["` + somePin + `"]
identity = "~/.ssh/id_staging"
[gateway.names]
b-web = "app_b"
"a.web" = "app_a"

[names]
web = "` + string(webTarget) + `"
db = "` + string(instanceID) + `"
"0" = "app_0"
`
