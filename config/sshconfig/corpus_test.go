package sshconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/config"
)

const (
	webTarget  config.Target = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instanceID config.Target = "0123abcd-4567-89ab-cdef-0123456789ab"
)

// someProgram needs no quotes in any shell.
var someProgram = Program{Proxy: "/opt/bin/clever-ssh", Match: "exec /opt/bin/clever-ssh"}

// standard is the layout of nearly everybody. Nothing is ever written there.
var standard = Layout{UserFile: "/home/me/.ssh/config", Standard: true, Program: someProgram, RSA: true}

// userFile is what a person's ssh_config may look like before setup.
type userFile struct {
	title string
	text  string

	// ours: the first directive includes the entries of the standard layout already.
	ours bool

	// unread: ssh refuses the file as it is.
	unread bool
}

// userFiles is shared by the tests of everything that meets a user's file. In the text, DIR stands for a folder with the
// files of otherFiles.
var userFiles = []userFile{
	{title: "empty", text: ""},
	{title: "one line feed", text: "\n"},
	{title: "comments only", text: "# mine\n#\n   # indented\n"},
	{title: "a comment without a final newline", text: "# mine"},
	{title: "blank lines first", text: "\n\n \t\nHost example.com\n    User me\n"},
	{title: "a comment first", text: "# my hosts\n\nHost example.com\n    User me\n"},
	{title: "no final newline", text: "Host example.com\n    User me"},
	{title: "one line without a final newline", text: "User me"},
	{title: "CRLF", text: "# mine\r\nHost example.com\r\n    User me\r\n\r\nHost *\r\n    Port 2222\r\n"},
	{title: "CRLF, blank line first", text: "\r\nHost example.com\r\n    User me\r\n"},
	{title: "CRLF in the first line only", text: "Host example.com\r\n    User me\n"},
	{title: "CRLF in all but the first line", text: "Host example.com\n    User me\r\n"},
	{title: "byte order mark", text: "\xef\xbb\xbfHost example.com\n    User me\n", unread: true},
	{title: "byte order mark before a comment", text: "\xef\xbb\xbf# mine\n", unread: true},
	{title: "tabs", text: "Host\texample.com\t*.example.org\n\tUser\tme\n\tPort\t2222\n"},
	{title: "= between keyword and value", text: "Host=example.com\n  User=me\n  Port = 2222\n"},
	{title: "odd case", text: "hOST example.com\n  uSER me\n  pOrT 2222\n"},
	{title: "trailing blanks", text: "Host example.com  \n    User me\t \n    \n"},
	{title: "quoted values", text: "Host \"example.com\"\n    User \"me\"\n    IdentityFile \"~/my keys/id\"\n"},
	{title: "non-ASCII", text: "# clés à moi\nHost example.com\n    IdentityFile ~/clé\n"},
	{title: "several hosts and a catch-all", text: "Host example.com !github.com *.example.org\n    User me\n    LocalForward 8080 localhost:80\nHost github.com\n    User git\nHost *\n    ServerAliveInterval 7\n    ForwardAgent yes\n"},
	{title: "values above the first Host", text: "User me\nPort 2222\nHost example.com\n    User you\n"},
	{title: "Match blocks", text: "Match host example.com\n    User me\nMatch originalhost github.com user git\n    Port 2222\nMatch exec \"test -n ''\"\n    User never\nMatch exec \"exit 0\" host *.org\n    Port 7\nMatch all\n    ServerAliveInterval 7\n"},
	{title: "Match host and all", text: "Match host example.com\n    User me\nMatch all\n    Port 2222\n"},
	{title: "Match final", text: "Host example.com\n    HostName www.example.com\nMatch final host www.example.com\n    User me\n"},
	{title: "includes", text: "Include DIR/one.conf DIR/nosuch.conf\nInclude DIR/*.inc\nHost example.com\n    Include DIR/inner.conf\n    Port 2222\n"},
	{title: "a second file through a quoted Include", text: "Include \"DIR/one.conf\"\nHost *\n    Port 2222\n"},
	{title: "a proxy for all", text: "Host *\n    ProxyJump jump.example.com\n    ControlMaster auto\n    ControlPath ~/.ssh/%r@%h:%p\n    ControlPersist 10m\n"},
	{title: "nothing checked", text: "Host *\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    RequestTTY no\n    RemoteCommand none\n"},

	{title: "the Include is there", text: "Include clever/config\nHost *\n    Port 2222\n", ours: true},
	{title: "the Include is there and nothing else", text: "Include clever/config\n", ours: true},
	{title: "the Include is there without a final newline", text: "Include clever/config", ours: true},
	{title: "the Include is there with CRLF", text: "Include clever/config\r\nHost *\r\n    Port 2222\r\n", ours: true},
	{title: "the Include below comments", text: "# mine\n\n  # and\nInclude clever/config\n", ours: true},
	{title: "the Include below itself as a comment", text: "#Include clever/config\nInclude clever/config", ours: true},
	{title: "the Include in lower case", text: "include clever/config\n", ours: true},
	{title: "the Include in upper case", text: "INCLUDE clever/config\n", ours: true},
	{title: "the Include with =", text: "Include=clever/config\n", ours: true},
	{title: "the Include with = and blanks", text: " Include =\tclever/config \n", ours: true},
	{title: "the Include indented by a tab", text: "\tInclude\tclever/config\t\n", ours: true},
	{title: "the Include in quotes", text: "Include \"clever/config\"\n", ours: true},
	{title: "the Include with = and quotes", text: "Include=\"clever/config\"\n", ours: true},
	{title: "the Include with a tilde", text: "Include ~/.ssh/clever/config\n", ours: true},
	{title: "the Include with an absolute path", text: "Include /home/me/.ssh/clever/config\n", ours: true},
	{title: "the Include before other files", text: "Include clever/config nosuch.conf\n", ours: true},
	{title: "the Include twice", text: "Include clever/config\nInclude clever/config\n", ours: true},
	{title: "the Include with a comment behind it", text: "Include clever/config # mine\n", ours: true},

	{title: "the Include inside a Host block", text: "Host example.com\n    Include clever/config\n"},
	{title: "the Include behind a directive", text: "Port 2222\nInclude clever/config\n"},
	{title: "the Include behind another", text: "Include nosuch.conf\nInclude clever/config\n"},
	{title: "the Include commented out", text: "#Include clever/config\n# Include clever/config\nUser me\n"},
	{title: "an Include of something alike", text: "Include clever/config.d\nInclude xclever/config\n"},
	{title: "an Include of the whole folder", text: "Include nosuch/*\n"},
	{title: "a keyword that begins alike", text: "IgnoreUnknown IncludeX\nIncludeX clever/config\n"},
	{title: "our name in a comment behind another", text: "Include nosuch.conf # clever/config\n"},
}

// otherFiles are the files that userFiles includes.
var otherFiles = map[string]string{
	"one.conf":   "Host github.com\n    User git\n",
	"a.inc":      "Host *.example.org\n    Port 7\n",
	"b.inc":      "Port 8\n",
	"inner.conf": "User me\n",
}

// place returns the text with DIR replaced by a folder in which the included files are.
func (f userFile) place(t *testing.T) string {
	if !strings.Contains(f.text, "DIR") {
		return f.text
	}
	dir := tempDir(t)
	for name, text := range otherFiles {
		write(t, filepath.Join(dir, name), text)
	}
	return strings.ReplaceAll(f.text, "DIR", filepath.ToSlash(dir))
}

// foreignHosts must be treated after setup as they were before: all that come near to our patterns without matching.
var foreignHosts = []string{
	"example.com", "www.example.org", "github.com", "::1", "notclever", "web.cleverx", "clever.example.com", "app_x", "app_x.cleve", string(instanceID),
	"sshgateway-clevercloud-customers.services.clever-cloud.com",
}

// write makes a file as ssh wants it: of the user alone.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tempDir is t.TempDir without the test's title in the path: titles here are full of what ssh takes for its own.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshconfig-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newLayout is a layout below a fresh folder, which may have a name of its own.
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

// editUserFile is the user's text with the Include line.
func editUserFile(text string, l Layout) ([]byte, error) {
	edited, _, err := EditUserFile([]byte(text), l, true)
	return edited, err
}

// parse reads a clever-ssh.toml: what the entries are made of has always passed through it.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("clever-ssh.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// somePin stands in for the pins that a gateway of one's own must have.
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
