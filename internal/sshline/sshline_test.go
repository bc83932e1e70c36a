package sshline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"clever-ssh/internal/test"
)

// spellings are lines that ssh -G shows its reading of.
var spellings = []string{
	"", " ", "#", " # User x", "\t#User x", "#User x", "User", "User ", "User=", "User =",
	"User x", "user x", "USER x", " User x", "\tUser\tx", "User  x ", "User x\r", "User x\f", "User x \f \r", "\fUser x", "\rUser x", "User\fx", "User\rx",
	"User=x", "User =x", "User= x", "User = x", "User\t=\tx", "=User x", " =User x", "= User x", " = User x", "== User x",
	"User==x", "User == x", "User = = x", "User ==x", "User= =x",
	`"User" x`, `"User"x`, `"User"=x`, `"User" = x`, `Us"er" x`, `"Us"er x`, `"User x`, `User" x`, "Us'er' x", "'User' x", `"" User x`, `""User x`,
	`User "x"`, `User 'x'`, `User "x y"`, `User 'x y'`, `User x"y z"`, `User "x"y`, `User x'y'"z"`, `User "x`, `User 'x`, `User x"`, `User x'`, `User ""`, `User ''`, `User ""x`,
	`User x\ y`, `User x\y`, `User x\\y`, `User x\"y`, `User x\'y`, `User "x\"y"`, `User 'x\'y'`, `User "x\ y"`, `User x\`, `User x\\`, `User "x\`, `User x\#`,
	"User x#y", "User x #y", "User #y", `User "#x"`, `User \#x`, "User x\t#", "User x # 'y", "User x#'y",
	"User x y", "User x \"\"", "HostName a b", "HostName 'a b'", `HostName "a"`, "hostname=a#",
	"RemoteCommand x", "RemoteCommand x y", "RemoteCommand  x  y ", "RemoteCommand=x", "RemoteCommand = x", "RemoteCommand==x", "RemoteCommand = = x",
	`RemoteCommand "x y" z`, `RemoteCommand x "y`, "RemoteCommand x # y", "RemoteCommand # y", `RemoteCommand x\ y`, "RemoteCommand x # 'y", "RemoteCommand =",
	`SetEnv A=b C="d e" F='g h'`, "SetEnv A=b #C=d", `SetEnv "A=b c"`, `SetEnv A\ B=c`, `SetEnv A="b"c`,
	"SendEnv A B\tC", "SendEnv=A", "SendEnv \"A B\"",
	"ProxyCommand x 'y", "ProxyCommand x 'y z'", "ProxyCommand = x", "KnownHostsCommand x", "LocalCommand =  x",
}

// TestSpellings compares the reader with this system's ssh, line by line.
func TestSpellings(t *testing.T) {
	test.Slow(t)
	test.Need(t, "ssh")
	dir := t.TempDir()
	for i, text := range spellings {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			t.Parallel()
			want := readBySSH(t, filepath.Join(dir, fmt.Sprint(i)), text)
			if got := read(text); got != want {
				t.Errorf("ssh reads %s, and we read %s", want, got)
			}
		})
	}
}

// known matches the keywords of the spellings in the output of ssh -G.
var known = regexp.MustCompile(`(?m)^(user|hostname|remotecommand|setenv|sendenv|proxycommand|knownhostscommand|localcommand) (.*)$`)

// defaults are these keywords' values when nothing is configured.
var defaults = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("ssh", "-G", "-F", os.DevNull, "host").Output()
	return known.FindAllString(string(out), -1), err
})

// readBySSH returns what ssh makes of a line: "nothing", "an error", or the keyword and its values.
func readBySSH(t *testing.T, file, text string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh", "-G", "-F", file, "host").CombinedOutput()
	if err != nil {
		if !strings.Contains(string(out), file) {
			t.Fatalf("ssh: %v\n%s", err, out)
		}
		return "an error"
	}
	plain, err := defaults()
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, m := range known.FindAllStringSubmatch(string(out), -1) {
		if !slices.Contains(plain, m[0]) {
			values = append(values, m[1]+" "+m[2])
		}
	}
	if values == nil {
		return "nothing"
	}
	return fmt.Sprintf("%q", values)
}

// read returns what ssh -G would print if ssh read a line as this package does.
func read(text string) string {
	l, ok := Parse(text)
	if !ok {
		return "nothing"
	}
	if !known.MatchString(l.Keyword + " ") {
		return "an error"
	}
	words, ok := l.Arguments()
	if !ok {
		return "an error"
	}
	if strings.HasSuffix(l.Keyword, "command") && l.Command() != "" {
		return fmt.Sprintf("%q", []string{l.Keyword + " " + l.Command()})
	}
	if len(words) == 0 || words[0] == "" {
		return "an error"
	}
	switch l.Keyword {
	case "setenv", "sendenv":
		var values []string
		for _, w := range words {
			values = append(values, l.Keyword+" "+w)
		}
		return fmt.Sprintf("%q", values)
	case "user", "hostname":
		if len(words) > 1 {
			return "an error"
		}
		return fmt.Sprintf("%q", []string{l.Keyword + " " + words[0]})
	}
	return "an error"
}

// FuzzParse looks for lines that make the reader panic, or that yield parts that the line did not hold.
func FuzzParse(f *testing.F) {
	for _, text := range spellings {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := Parse(text)
		if !ok {
			return
		}
		if l.Keyword == "" {
			t.Error("a line without a keyword")
		}
		words, _ := l.Arguments()
		size := 0
		for _, w := range words {
			size += len(w)
		}
		if size > len(text) || len(l.Command()) > len(text) {
			t.Errorf("%q became more: %q", text, words)
		}
		if l.Argument() != "" && l.Argument() != words[0] {
			t.Errorf("the first of %q is not %q", words, l.Argument())
		}
	})
}
