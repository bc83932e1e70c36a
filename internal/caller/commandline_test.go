package caller

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// options writes flags in short form: "T", "p2222", "oUser=bob".
func options(words ...string) []Flag {
	flags := []Flag{}
	for _, word := range words {
		flags = append(flags, Flag{word[0], word[1:]})
	}
	return flags
}

// commandLines are command lines with their meaning. Those of programs were recorded from scp and sftp 9.2, rsync
// 3.2, git 2.39, sshfs 3.7 and ansible 2.14.
var commandLines = []struct {
	name string
	args []string
	want CommandLine
}{
	// What people type.
	{"alias", []string{"web.clever"}, CommandLine{Destination: "web.clever"}},
	{"case is kept", []string{"Web.Clever"}, CommandLine{Destination: "Web.Clever"}},
	{"command", []string{"web.clever", "ls", "-la", "--", "-p", "22"},
		CommandLine{Destination: "web.clever", Command: []string{"ls", "-la", "--", "-p", "22"}}},
	{"command in one word", []string{"-t", "web.clever", "top -b | head"},
		CommandLine{Destination: "web.clever", Flags: options("t"), Command: []string{"top -b | head"}}},
	{"empty command", []string{"web.clever", ""}, CommandLine{Destination: "web.clever", Command: []string{""}}},
	{"empty command among others", []string{"web.clever", "-T", "", "x", ""},
		CommandLine{Destination: "web.clever", Flags: options("T"), Command: []string{"", "x", ""}}},
	{"option after the host", []string{"web.clever", "-L", "8080:localhost:80", "-N"},
		CommandLine{Destination: "web.clever", Flags: options("L8080:localhost:80", "N")}},
	{"option on both sides", []string{"-v", "web.clever", "-T", "ls", "-v"},
		CommandLine{Destination: "web.clever", Flags: options("v", "T"), Command: []string{"ls", "-v"}}},
	{"-- before the host", []string{"-v", "--", "web.clever", "-T", "ls"},
		CommandLine{Destination: "web.clever", Flags: options("v"), Command: []string{"-T", "ls"}}},
	{"-- after the host", []string{"web.clever", "-v", "--", "-T", "ls"},
		CommandLine{Destination: "web.clever", Flags: options("v"), Command: []string{"-T", "ls"}}},
	{"-- on both sides", []string{"--", "web.clever", "--", "ls"},
		CommandLine{Destination: "web.clever", Command: []string{"--", "ls"}}},
	{"-- after the host, twice", []string{"web.clever", "--", "--", "ls"},
		CommandLine{Destination: "web.clever", Command: []string{"--", "ls"}}},
	{"-- and nothing", []string{"web.clever", "--"}, CommandLine{Destination: "web.clever"}},
	{"-- as a value", []string{"-l", "--", "web.clever", "-v"},
		CommandLine{Destination: "web.clever", Users: []string{"--"}, Flags: options("l--"), Command: []string{"-v"}}},
	{"- is a host", []string{"-v", "-", "ls"},
		CommandLine{Destination: "-", Flags: options("v"), Command: []string{"ls"}}},
	{"- at the end of a cluster", []string{"-v-", "-T"},
		CommandLine{Destination: "-v-", Flags: options("v", "T")}},
	{"cluster", []string{"-vvT", "web.clever"}, CommandLine{Destination: "web.clever", Flags: options("v", "v", "T")}},
	{"cluster with a value", []string{"-Tp2222", "-NL", "1:h:2", "web.clever"},
		CommandLine{Destination: "web.clever", Port: "2222", Flags: options("T", "p2222", "N", "L1:h:2")}},
	{"value that looks like an option", []string{"-i", "-T", "-e", "--", "-v", "web.clever"},
		CommandLine{Destination: "web.clever", Flags: options("i-T", "e--", "v")}},
	{"empty value", []string{"-l", "", "-S", "", "web.clever"},
		CommandLine{Destination: "web.clever", Users: []string{""}, Flags: options("l", "S")}},
	{"-P takes a tag", []string{"-P", "staging", "web.clever"},
		CommandLine{Destination: "web.clever", Flags: options("Pstaging")}},
	{"-G and -Z", []string{"-GZ", "web.clever"}, CommandLine{Destination: "web.clever", Flags: options("G", "Z")}},

	// Users and ports.
	{"user@", []string{"bob@web.clever"}, CommandLine{Destination: "web.clever", Users: []string{"bob"}}},
	{"last @", []string{"bob@corp@web.clever"}, CommandLine{Destination: "web.clever", Users: []string{"bob@corp"}}},
	{"user without a host", []string{"bob@"}, CommandLine{Users: []string{"bob"}}},
	{"no host at all", []string{""}, CommandLine{}},
	{"a colon is no port", []string{"web.clever:22"}, CommandLine{Destination: "web.clever:22"}},
	{"every user, in order",
		[]string{"-l", "a", "-oUser=b", "c@web.clever", "-ld", "-o", "user e"},
		CommandLine{Destination: "web.clever", Users: []string{"a", "b", "c", "d", "e"},
			Flags: options("la", "oUser=b", "ld", "ouser e")}},
	{"spellings of -o",
		[]string{"-o", "USER\t = \tb", "-o", `user "c d"`, "-o", " User=e#f # g", "-o", `"User" h\ i`, "-o", "=user\tj\f\n",
			"-o", "Username=k", "-o", "User", "-o", "User=", "-o", "User=#l", "-o", "", "-o", "=", "web.clever"},
		CommandLine{Destination: "web.clever", Users: []string{"b", "c d", "e#f", "h i", "j"},
			Flags: options("oUSER\t = \tb", `ouser "c d"`, "o User=e#f # g", `o"User" h\ i`, "o=user\tj\f\n",
				"oUsername=k", "oUser", "oUser=", "oUser=#l", "o", "o=")}},
	{"first port", []string{"-oPort=1", "-p", "2", "ssh://web.clever:3", "-p4"},
		CommandLine{Destination: "web.clever", Port: "1", Flags: options("oPort=1", "p2", "p4")}},

	// URLs.
	{"URL", []string{"ssh://web.clever"}, CommandLine{Destination: "web.clever"}},
	{"URL with everything", []string{"ssh://b%6Fb+%40x;fingerprint=y@Web.clever.:2222/", "ls"},
		CommandLine{Destination: "Web.clever", Users: []string{"bob @x"}, Port: "2222", Command: []string{"ls"}}},
	{"URL in brackets", []string{"ssh://[web.clever]:ssh"}, CommandLine{Destination: "web.clever", Port: "ssh"}},
	{"URL with an empty port", []string{"ssh://_web.clever:"}, CommandLine{Destination: "_web.clever"}},
	{"other schemes are hosts", []string{"SSH://a@web.clever"},
		CommandLine{Destination: "web.clever", Users: []string{"SSH://a"}}},

	// Hostile ones are returned unchanged.
	{"shell syntax", []string{"-l", "$(id)", "x\n'`;web.clever", "\x00", "\xff"},
		CommandLine{Destination: "x\n'`;web.clever", Users: []string{"$(id)"}, Flags: options("l$(id)"),
			Command: []string{"\x00", "\xff"}}},

	// What programs run.
	{"scp", []string{"-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none",
		"-oRequestTTY=no", "-oForwardAgent=no", "-s", "--", "web.clever", "sftp"},
		CommandLine{Destination: "web.clever", Command: []string{"sftp"},
			Flags: options("x", "oPermitLocalCommand=no", "oClearAllForwardings=yes", "oRemoteCommand=none",
				"oRequestTTY=no", "oForwardAgent=no", "s")}},
	{"scp -P 2222 -i k -o User=bob bob@web.clever:x .", []string{"-x", "-oPermitLocalCommand=no",
		"-oClearAllForwardings=yes", "-oRemoteCommand=none", "-oRequestTTY=no", "-i", "k", "-o", "User=bob",
		"-oForwardAgent=no", "-p", "2222", "-l", "bob", "-s", "--", "web.clever", "sftp"},
		CommandLine{Destination: "web.clever", Users: []string{"bob", "bob"}, Port: "2222", Command: []string{"sftp"},
			Flags: options("x", "oPermitLocalCommand=no", "oClearAllForwardings=yes", "oRemoteCommand=none",
				"oRequestTTY=no", "ik", "oUser=bob", "oForwardAgent=no", "p2222", "lbob", "s")}},
	{"scp -O", []string{"-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none",
		"-oRequestTTY=no", "-oForwardAgent=no", "--", "web.clever", "scp -t /tmp/"},
		CommandLine{Destination: "web.clever", Command: []string{"scp -t /tmp/"},
			Flags: options("x", "oPermitLocalCommand=no", "oClearAllForwardings=yes", "oRemoteCommand=none",
				"oRequestTTY=no", "oForwardAgent=no")}},
	{"scp -R", []string{"-x", "-oClearAllForwardings=yes", "-n", "--", "web.clever", "scp", "x", "other:y"},
		CommandLine{Destination: "web.clever", Flags: options("x", "oClearAllForwardings=yes", "n"),
			Command: []string{"scp", "x", "other:y"}}},
	{"sftp -P 2222 -b f bob@web.clever:x", []string{"-oForwardX11 no", "-oPermitLocalCommand no",
		"-oClearAllForwardings yes", "-obatchmode yes", "-oForwardAgent no", "-oPort 2222", "-l", "bob", "-s", "--",
		"web.clever", "sftp"},
		CommandLine{Destination: "web.clever", Users: []string{"bob"}, Port: "2222", Command: []string{"sftp"},
			Flags: options("oForwardX11 no", "oPermitLocalCommand no", "oClearAllForwardings yes", "obatchmode yes",
				"oForwardAgent no", "oPort 2222", "lbob", "s")}},
	{"sftp -s /usr/lib/sftp-server", []string{"-oForwardX11 no", "-oPermitLocalCommand no",
		"-oClearAllForwardings yes", "-oForwardAgent no", "--", "web.clever", "/usr/lib/sftp-server"},
		CommandLine{Destination: "web.clever", Command: []string{"/usr/lib/sftp-server"},
			Flags: options("oForwardX11 no", "oPermitLocalCommand no", "oClearAllForwardings yes", "oForwardAgent no")}},
	{"rsync -e 'ssh -p 2222 -l bob' -a web.clever:x .", []string{"-p", "2222", "-l", "bob", "web.clever", "rsync",
		"--server", "--sender", "-logDtpre.iLsfxCIvu", ".", "x"},
		CommandLine{Destination: "web.clever", Users: []string{"bob"}, Port: "2222", Flags: options("p2222", "lbob"),
			Command: []string{"rsync", "--server", "--sender", "-logDtpre.iLsfxCIvu", ".", "x"}}},
	{"git ls-remote web.clever:r.git", []string{"-o", "SendEnv=GIT_PROTOCOL", "web.clever", "git-upload-pack 'r.git'"},
		CommandLine{Destination: "web.clever", Flags: options("oSendEnv=GIT_PROTOCOL"),
			Command: []string{"git-upload-pack 'r.git'"}}},
	{"git ls-remote ssh://bob@web.clever:2222/r.git", []string{"-o", "SendEnv=GIT_PROTOCOL", "-p", "2222",
		"bob@web.clever", "git-upload-pack '/r.git'"},
		CommandLine{Destination: "web.clever", Users: []string{"bob"}, Port: "2222",
			Flags: options("oSendEnv=GIT_PROTOCOL", "p2222"), Command: []string{"git-upload-pack '/r.git'"}}},
	{"sshfs -p 2222", []string{"-x", "-a", "-oClearAllForwardings=yes", "-oPort=2222", "-2", "-s", "--", "web.clever", "sftp"},
		CommandLine{Destination: "web.clever", Port: "2222", Command: []string{"sftp"},
			Flags: options("x", "a", "oClearAllForwardings=yes", "oPort=2222", "2", "s")}},
	{"ansible", []string{"-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", `User="bob"`, "-o",
		"ConnectTimeout=10", "-o", `ControlPath="/root/.ansible/cp/d452789d01"`, "-tt", "web.clever",
		"/bin/sh -c '/usr/bin/python3 && sleep 0'"},
		CommandLine{Destination: "web.clever", Users: []string{"bob"},
			Flags: options("C", "oControlMaster=auto", "oControlPersist=60s", `oUser="bob"`, "oConnectTimeout=10",
				`oControlPath="/root/.ansible/cp/d452789d01"`, "t", "t"),
			Command: []string{"/bin/sh -c '/usr/bin/python3 && sleep 0'"}}},
	{"ssh -J bob@web.clever:2222 inner", []string{"-l", "bob", "-p", "2222", "-F", "cfg", "-v", "-W", "[inner]:22", "web.clever"},
		CommandLine{Destination: "web.clever", Users: []string{"bob"}, Port: "2222",
			Flags: options("lbob", "p2222", "Fcfg", "v", "W[inner]:22")}},
	{"VS Code", []string{"-v", "-T", "-D", "0", "-o", "RemoteCommand=none", "web.clever", "bash"},
		CommandLine{Destination: "web.clever", Flags: options("v", "T", "D0", "oRemoteCommand=none"),
			Command: []string{"bash"}}},
}

func TestParse(t *testing.T) {
	for _, test := range commandLines {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(append([]string{"ssh"}, test.args...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%q (-want +got):\n%s", test.args, diff)
			}
			if (got.Command == nil) != (test.want.Command == nil) {
				t.Errorf("%q: command is %#v", test.args, got.Command)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, args := range [][]string{
		nil, {}, {"-v"}, {"--"}, {"-l"}, {"-vp"}, {"web.clever", "-l"}, // something is missing
		{"-o", "ControlPersist"}, // ansible asks this to find out whether ssh knows it
		{"-H", "web.clever"}, {"-v:", "web.clever"}, {"--verbose", "web.clever"}, {"-v-T", "web.clever"},
		{"web.clever", "-H"}, {"-\xff", "web.clever"}, {"-\x00", "web.clever"},
		{"@web.clever"},
		{"ssh://"}, {"ssh://@h"}, {"ssh://;x@h"}, {"ssh://u@"}, {"ssh://%zz@h"}, {"ssh://%@h"}, {"ssh://%00@h"},
		{"ssh://h/path"}, {"ssh://h:22/path"}, {"ssh://h:/"}, {"ssh://h:22//"}, {"ssh://a b"}, {"ssh://a..b"}, {"ssh://-h"},
		{"ssh://[::1]:22"}, {"ssh://::1"}, {"ssh://[h"}, {"ssh://[h]x"}, {"ssh://a@b@c"}, {"ssh://[]"},
	} {
		if got, err := Parse(append([]string{"ssh"}, args...)); err == nil {
			t.Errorf("%q is read as %+v", args, got)
		}
	}
	if _, err := Parse(nil); err == nil {
		t.Error("no arguments at all are accepted")
	}
}

func TestOption(t *testing.T) {
	line, err := Parse([]string{"ssh", "-oSessionType=none", "-o", "sessiontype subsystem", "-o", ` RemoteCommand = "a b" c `,
		"host", "-o", `ControlPath="/a b/c"`})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ keyword, value string }{
		{"SESSIONTYPE", "none"}, {"RemoteCommand", `"a b" c`}, {"ControlPath", "/a b/c"},
	} {
		if value, ok := line.Option(test.keyword); !ok || value != test.value {
			t.Errorf("%s = %q, %t; want %q", test.keyword, value, ok, test.value)
		}
	}
	if value, ok := line.Option("User"); ok {
		t.Errorf("User = %q, which was not given", value)
	}
}

// understanding is what an ssh made of a command line, as it prints it when given -G.
type understanding struct {
	Args       []string
	Refused    string `json:",omitempty"` // "not understood", or another reason that is not Parse's business
	Host       string `json:",omitempty"`
	Lower      bool   `json:",omitempty"` // only the host in lower case is known, and for a number only an address
	User, Port string `json:",omitempty"`
}

// ask asks an ssh what it makes of a command line.
func ask(ssh string, args []string) understanding {
	u := understanding{Args: args}
	var stderr bytes.Buffer
	cmd := exec.Command(ssh, append([]string{"-F", "none", "-G"}, args...)...)
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		// ssh refuses much that is not Parse's business, such as ports out of range. But it shows its usage for a
		// line that it cannot split, or that lacks the name of a subsystem.
		u.Refused = "for another reason"
		if text := stderr.String(); strings.Contains(text, "usage: ssh") && !strings.Contains(text, "specify a subsystem") {
			u.Refused = notUnderstood
		}
		return u
	}
	found := map[string]string{}
	for line := range strings.Lines(string(stdout)) {
		if keyword, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && found[keyword] == "" {
			found[keyword] = value
		}
	}
	u.Host, u.User, u.Port = found["host"], found["user"], found["port"]
	if _, printed := found["host"]; !printed { // before 9.2
		u.Host, u.Lower = found["hostname"], true
	}
	return u
}

const notUnderstood = "not understood"

// differs says how Parse understands a command line differently from an ssh; empty if it does not.
func (u understanding) differs() string {
	line, err := Parse(append([]string{"ssh"}, u.Args...))
	switch {
	case u.Refused == notUnderstood && err == nil:
		return fmt.Sprintf("read as %+v, and ssh does not understand it", line)
	case u.Refused != "":
		return ""
	case err != nil:
		return fmt.Sprintf("%v, but ssh understands it", err)
	}
	if u.Lower {
		line.Destination = strings.ToLower(line.Destination)
	}
	switch {
	case line.Destination != u.Host && !(u.Lower && isNumber(line.Destination)):
		return fmt.Sprintf("destination %q, ssh's %q", line.Destination, u.Host)
	case len(line.Users) > 0 && line.Users[0] != u.User:
		return fmt.Sprintf("users %q, ssh's %q", line.Users, u.User)
	case line.Port != "ssh" && line.Port != u.Port && (line.Port != "" || u.Port != "22"):
		return fmt.Sprintf("port %q, ssh's %q", line.Port, u.Port)
	}
	return ""
}

// understandings is a file of what OpenSSH 9.2 made of 600 command lines, thrown together from words that matter. go
// test -run TestParseAgainstSSH ./internal/caller -ask replaces it with what this system's ssh makes of its own.
const understandings = "testdata/understandings.json"

var askAll = flag.Bool("ask", false, "ask ssh about all command lines, and record its answers")

func recorded(t *testing.T) (list []understanding) {
	t.Helper()
	text, err := os.ReadFile(understandings)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var u understanding
		if err := json.Unmarshal(line, &u); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, u)
	}
	return list
}

// TestParseAsRecorded compares Parse with what an ssh was seen to make of command lines.
func TestParseAsRecorded(t *testing.T) {
	compare(t, recorded(t))
}

// compare expects Parse to understand command lines like an ssh that accepted some of them and refused others.
func compare(t *testing.T, list []understanding) {
	t.Helper()
	refused := 0
	for _, u := range list {
		if u.Refused != "" {
			refused++
		}
		if how := u.differs(); how != "" {
			t.Errorf("%q: %s", u.Args, how)
		}
	}
	t.Logf("of %d command lines ssh refuses %d", len(list), refused)
	if refused < len(list)/10 || len(list)-refused < len(list)/10 {
		t.Errorf("of %d command lines ssh refuses %d: that compares nothing", len(list), refused)
	}
}

// TestParseAgainstSSH compares Parse with the installed ssh, which may be another version, on the command lines above
// and on some of the recorded ones.
func TestParseAgainstSSH(t *testing.T) {
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	var list []understanding
	for i, u := range recorded(t) {
		if *askAll || i%10 == 0 {
			list = append(list, ask(ssh, u.Args))
		}
	}
	if *askAll {
		var text bytes.Buffer
		for _, u := range list {
			if err := json.NewEncoder(&text).Encode(u); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(understandings, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range commandLines {
		otherwise := func(arg string) bool { // among the versions of ssh
			return arg == "-P" || arg == "-GZ" || strings.HasPrefix(arg, "ssh://_") || strings.Contains(arg, "\x00")
		}
		named := func(arg string) bool { // a port, which ssh looks up
			return strings.HasSuffix(arg, ":ssh") && test.LacksFile(t, arg, "/etc/services")
		}
		if !slices.ContainsFunc(c.args, otherwise) && !slices.ContainsFunc(c.args, named) {
			list = append(list, ask(ssh, c.args))
		}
	}
	compare(t, list)
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

func FuzzParse(f *testing.F) {
	for _, test := range commandLines {
		f.Add(strings.Join(append([]string{"ssh"}, test.args...), "\n"))
	}
	f.Add("ssh\n-l\n--\nssh://[%@:;/]")
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		line, err := Parse(args)
		if err != nil {
			return
		}
		if len(line.Command) > len(args)-2 {
			t.Errorf("%q: command %q is longer than the line", args, line.Command)
		}
		for _, flag := range line.Flags {
			if strings.IndexByte(plainFlags+valueFlags, flag.Letter) < 0 {
				t.Errorf("%q: unknown option %q", args, flag.Letter)
			}
		}
		line.Option("RemoteCommand")
	})
}
