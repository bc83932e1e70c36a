// Package users has ssh_config files as people write them, for testing everything that reads or edits a user's own
// file.
package users

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// File is what a person's ssh_config may look like before setup.
type File struct {
	Title string

	// Text may name two folders: DIR, which has the files of WriteIncluded, and /home/me, the account's home.
	Text string

	// Ours: the first directive already includes the entries of the standard layout.
	Ours bool

	// Unread: ssh refuses the file as it is.
	Unread bool
}

// ForeignHosts must be treated the same before and after setup: they all come near our patterns without matching.
var ForeignHosts = []string{
	"example.com", "www.example.org", "github.com", "::1", "notclever", "web.cleverx", "clever.example.com", "app_x", "app_x.cleve",
	"0123abcd-4567-89ab-cdef-0123456789ab", "sshgateway-clevercloud-customers.services.clever-cloud.com",
}

// Opposite sets each keyword of the entries to a value that would break or weaken a connection. It does not make ssh
// look up a name.
const Opposite = `
    HostName evil.invalid
    User mallory
    Port 666
    ProxyJump evil.invalid
    ProxyCommand /bin/false %h
    HostKeyAlias evil
    RemoteCommand reboot
    RequestTTY no
    ProxyUseFdpass yes
    CanonicalizeHostname always
    ControlMaster auto
    ControlPath /nonexistent/%C
    ControlPersist yes
    HostKeyAlgorithms ecdsa-sha2-nistp256
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking no
    VerifyHostKeyDNS yes
    UpdateHostKeys yes
    PubkeyAuthentication no
    PreferredAuthentications password,keyboard-interactive
    PasswordAuthentication yes
    KbdInteractiveAuthentication yes
    ChallengeResponseAuthentication yes
    ForwardAgent yes
    ForwardX11 yes
    Tunnel yes
    ServerAliveInterval 0
    ServerAliveCountMax 99
`

// Files are for every test; none takes long.
var Files = []File{
	{Title: "empty", Text: ""},
	{Title: "one line feed", Text: "\n"},
	{Title: "comments only", Text: "# mine\n#\n   # indented\n"},
	{Title: "a comment without a final newline", Text: "# mine"},
	{Title: "blank lines first", Text: "\n\n \t\nHost example.com\n    User me\n"},
	{Title: "a comment first", Text: "# my hosts\n\nHost example.com\n    User me\n"},
	{Title: "no final newline", Text: "Host example.com\n    User me"},
	{Title: "one line without a final newline", Text: "User me"},
	{Title: "CRLF", Text: "# mine\r\nHost example.com\r\n    User me\r\n\r\nHost *\r\n    Port 2222\r\n"},
	{Title: "CRLF, blank line first", Text: "\r\nHost example.com\r\n    User me\r\n"},
	{Title: "CRLF in the first line only", Text: "Host example.com\r\n    User me\n"},
	{Title: "CRLF in all but the first line", Text: "Host example.com\n    User me\r\n"},
	{Title: "byte order mark", Text: "\xef\xbb\xbfHost example.com\n    User me\n", Unread: true},
	{Title: "byte order mark before a comment", Text: "\xef\xbb\xbf# mine\n", Unread: true},
	{Title: "tabs", Text: "Host\texample.com\t*.example.org\n\tUser\tme\n\tPort\t2222\n"},
	{Title: "= between keyword and value", Text: "Host=example.com\n  User=me\n  Port = 2222\n"},
	{Title: "odd case", Text: "hOST example.com\n  uSER me\n  pOrT 2222\n"},
	{Title: "trailing blanks", Text: "Host example.com  \n    User me\t \n    \n"},
	{Title: "quoted values", Text: "Host \"example.com\"\n    User \"me\"\n    IdentityFile \"~/my keys/id\"\n"},
	{Title: "non-ASCII", Text: "# clés à moi\nHost example.com\n    IdentityFile ~/clé\n"},
	{Title: "several hosts and a catch-all", Text: "Host example.com !github.com *.example.org\n    User me\n    LocalForward 8080 localhost:80\nHost github.com\n    User git\nHost *\n    ServerAliveInterval 7\n    ForwardAgent yes\n"},
	{Title: "values above the first Host", Text: "User me\nPort 2222\nHost example.com\n    User you\n"},
	{Title: "Match blocks", Text: "Match host example.com\n    User me\nMatch originalhost github.com user git\n    Port 2222\nMatch exec \"test -n ''\"\n    User never\nMatch exec \"exit 0\" host *.org\n    Port 7\nMatch all\n    ServerAliveInterval 7\n"},
	{Title: "Match host and all", Text: "Match host example.com\n    User me\nMatch all\n    Port 2222\n"},
	{Title: "Match final", Text: "Host example.com\n    HostName www.example.com\nMatch final host www.example.com\n    User me\n"},
	{Title: "includes", Text: "Include DIR/one.conf DIR/nosuch.conf\nInclude DIR/*.inc\nHost example.com\n    Include DIR/inner.conf\n    Port 2222\n"},
	{Title: "a second file through a quoted Include", Text: "Include \"DIR/one.conf\"\nHost *\n    Port 2222\n"},
	{Title: "a proxy for all", Text: "Host *\n    ProxyJump jump.example.com\n    ControlMaster auto\n    ControlPath ~/.ssh/%r@%h:%p\n    ControlPersist 10m\n"},
	{Title: "nothing checked", Text: "Host *\n    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    RequestTTY no\n    RemoteCommand none\n"},
	{Title: "one word", Text: "Host *"},
	{Title: "many blocks for one host", Text: "Host example.com\n    User me\n    User you\n    Port 1\nHost example.com\n    User they\n    Port 2\n    IdentityFile ~/a\n    IdentityFile ~/b\nhost EXAMPLE.com example.com\n    IDENTITYfile ~/c\n"},
	{Title: "several hosts and values in quotes, =, tabs", Text: "Host=\"example.com\"\t\"github.com\"\n\tUser=\"me\"\n\tIdentityFile =\t\"~/my keys/%r\"\n\tSetEnv=A=b \"C=d e\"\n\tSendEnv LANG LC_*\n"},
	{Title: "values in a user's own tokens and variables", Text: "Host *.example.org\n    HostName %h.internal\n    LocalCommand echo %n '%h'\n    PermitLocalCommand yes\n    ControlPath ${HOME}/%C\n"},
	{Title: "comments after values", Text: "Host example.com # mine\n    User me # me\n# Host *\n#     User nobody\n"},
	{Title: "a long comment", Text: "# " + strings.Repeat("long ", 180) + "\nHost example.com\n    User me\n"},
	{Title: "what this ssh does not know is ignored", Text: "IgnoreUnknown UseKeychain,AddMyKeys*\nHost *\n    UseKeychain yes\n    AddMyKeysToAgent yes\n    User me\n"},
	{Title: "a catch-all with exceptions", Text: "Host * !*.example.com !github.com !clever !*.clever\n    User near\n    ProxyJump jump.example.com\n"},
	{Title: "hosts that come near to ours", Text: "Host *.cleverx notclever clever.* app_* ????????-????-????-????-????????????\n    User near\n    Port 7\nHost *clever*\n    Compression yes\n"},
	{Title: "the gateway by hand", Text: "Host web\n    HostName sshgateway-clevercloud-customers.services.clever-cloud.com\n    User ssh\n    RequestTTY yes\n    RemoteCommand app_facade42-cafe-babe-cafe-deadf00dbaad\nHost sshgateway-*\n    User ssh\n"},
	{Title: "no terminal, another command, a jump for all", Text: "Host *\n    RequestTTY no\n    RemoteCommand tmux attach\n    ProxyJump jump.example.com\n    User me\n    ForwardAgent yes\n    ControlMaster auto\n    ControlPath ~/.ssh/%C\n"},
	{Title: "the opposite of the entries for all", Text: "Host *" + Opposite},
	{Title: "the opposite of the entries above all blocks", Text: Opposite},
	{Title: "the opposite of the entries in Match all, with CRLF", Text: strings.ReplaceAll("Match all"+Opposite, "\n", "\r\n")},
	{Title: "the opposite of the entries in Match final", Text: "Match final all" + Opposite},
	{Title: "the opposite of the entries for our very names", Text: "Host clever *.clever web.clever app_*.clever" + Opposite + "Match originalhost web.clever\n    User me\n"},
	{Title: "Match canonical", Text: "CanonicalizeHostname yes\nHost example.com\n    User me\nMatch canonical host example.com\n    Port 2222\nMatch canonical all\n    ForwardAgent yes\n"},
	{Title: "Match exec with quotes and a comment sign", Text: "Match exec \"test '#' = '#'\"\n    User me\nMatch host example.com exec \"false\"\n    User never\n"},
	{Title: "Match user and localuser", Text: "Match localuser nobody user me\n    Port 7\nMatch !localuser nobody host *.com,!github.com\n    Port 8\n"},
	{Title: "includes with patterns inside blocks", Text: "Host example.com github.com\n    Include DIR/*.inc DIR/none/*\nMatch host github.com\n    Include DIR/one.conf\nHost *\n    ServerAliveInterval 7\n"},

	{Title: "the Include is there", Text: "Include clever/config\nHost *\n    Port 2222\n", Ours: true},
	{Title: "the Include is there and nothing else", Text: "Include clever/config\n", Ours: true},
	{Title: "the Include is there without a final newline", Text: "Include clever/config", Ours: true},
	{Title: "the Include is there with CRLF", Text: "Include clever/config\r\nHost *\r\n    Port 2222\r\n", Ours: true},
	{Title: "the Include below comments", Text: "# mine\n\n  # and\nInclude clever/config\n", Ours: true},
	{Title: "the Include below itself as a comment", Text: "#Include clever/config\nInclude clever/config", Ours: true},
	{Title: "the Include in lower case", Text: "include clever/config\n", Ours: true},
	{Title: "the Include in upper case", Text: "INCLUDE clever/config\n", Ours: true},
	{Title: "the Include with =", Text: "Include=clever/config\n", Ours: true},
	{Title: "the Include with = and blanks", Text: " Include =\tclever/config \n", Ours: true},
	{Title: "the Include indented by a tab", Text: "\tInclude\tclever/config\t\n", Ours: true},
	{Title: "the Include in quotes", Text: "Include \"clever/config\"\n", Ours: true},
	{Title: "the Include with = and quotes", Text: "Include=\"clever/config\"\n", Ours: true},
	{Title: "the Include with a tilde", Text: "Include ~/.ssh/clever/config\n", Ours: true},
	{Title: "the Include with an absolute path", Text: "Include /home/me/.ssh/clever/config\n", Ours: true},
	{Title: "the Include before other files", Text: "Include clever/config nosuch.conf\n", Ours: true},
	{Title: "the Include twice", Text: "Include clever/config\nInclude clever/config\n", Ours: true},
	{Title: "the Include with a comment after it", Text: "Include clever/config # mine\n", Ours: true},

	{Title: "the Include inside a Host block", Text: "Host example.com\n    Include clever/config\n"},
	{Title: "the Include after a directive", Text: "Port 2222\nInclude clever/config\n"},
	{Title: "the Include after another", Text: "Include nosuch.conf\nInclude clever/config\n"},
	{Title: "the Include commented out", Text: "#Include clever/config\n# Include clever/config\nUser me\n"},
	{Title: "an Include of something alike", Text: "Include clever/config.d\nInclude xclever/config\n"},
	{Title: "an Include of the config in every folder", Text: "Include */config\nHost *\n    Port 2222\n"},
	{Title: "an Include of the whole folder", Text: "Include nosuch/*\n"},
	{Title: "a keyword that begins alike", Text: "IgnoreUnknown IncludeX\nIncludeX clever/config\n"},
	{Title: "our name in a comment after another", Text: "Include nosuch.conf # clever/config\n"},
	{Title: "the Include commented out, then inside a Match block", Text: "  # Include clever/config\nMatch all\n\tInclude\tclever/config\n"},
	{Title: "the Include inside blocks, twice", Text: "Host example.com\n    Include clever/config\nHost *\n    Include ~/.ssh/clever/config\n"},
	{Title: "the Include spelled as setup does, at the end", Text: "Host *\n    User me\nInclude clever/config\n"},
	{Title: "the Include inside a block with CRLF, without a final newline", Text: "Host *\r\n  User me\r\n  Include clever/config"},
}

// included are the files that others include.
var included = map[string]string{
	"one.conf":   "Host github.com\n    User git\n",
	"a.inc":      "Host *.example.org\n    Port 7\n",
	"b.inc":      "Port 8\n",
	"inner.conf": "User me\n",
}

// WriteIncluded makes the folder called DIR in the texts.
func WriteIncluded(dir string) error {
	for name, text := range included {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// In returns the text for an account with this home, and with dir for DIR. If either is empty, the text keeps its
// own.
func (f File) In(home, dir string) string {
	text := f.Text
	if home != "" {
		text = strings.ReplaceAll(text, "/home/me/", filepath.ToSlash(home)+"/")
	}
	if dir != "" {
		text = strings.ReplaceAll(text, "DIR/", filepath.ToSlash(dir)+"/")
	}
	return text
}

// Large returns the file of somebody with ten thousand hosts.
func Large() File {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "Host host%d.example.net\n    User user%d\n", i, i)
	}
	return File{Title: "ten thousand hosts", Text: b.String()}
}
