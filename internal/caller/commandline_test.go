package caller

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// options writes flags briefly: "T", "p2222", "oUser=bob".
func options(words ...string) []Flag {
	flags := []Flag{}
	for _, word := range words {
		flags = append(flags, Flag{word[0], word[1:]})
	}
	return flags
}

// commandLines are command lines with what they mean. Those of programs were recorded from scp and sftp 9.2,
// rsync 3.2, git 2.39, sshfs 3.7 and ansible 2.14.
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

	// Hostile ones are returned as they are.
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
		{"-o", "ControlPersist"}, // ansible asks so whether ssh knows it
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

// TestParseAgainstSSH compares Parse with the installed ssh, which prints what it understood when given -G: on the
// command lines above and on ones thrown together from words that matter.
func TestParseAgainstSSH(t *testing.T) {
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	var lists [][]string
	for _, test := range commandLines {
		if !strings.Contains(strings.Join(test.args, " "), "\x00") {
			lists = append(lists, test.args)
		}
	}
	words := []string{
		"-v", "-vvT", "-Tp2222", "-p", "-p", "2222", "-p22", "-l", "-l", "bob", "-lBob", "-oUser=x", "-o", "-o", "-o",
		"User=carol", "user dave", "USER\t=\terin", `User="f g"`, ` "user" h`, "Port=2200", "port 23", "BatchMode=yes",
		"RemoteCommand=none", "=User=i", "User==j", `User="l`, `User=m\"n`, `us"er" o`, `"user"=p`, "User q#r",
		"--", "--", "-", "-v-", "-v-T", "--help", "-H", "", "web.clever", "Web.Clever", "host", "bob@host", "a@b@c", "@x", "x@",
		"ssh://u@h:22", "ssh://h/", "ssh://h/p", "ssh://a%20B;x=y@h:80", "ssh://[h]:2", "ssh://h:", "ssh://h.", "ssh://h:80/",
		"ssh://a+b@h", "ssh://%zz@h", "ssh://[::1]", "ssh://a@b@c", "ssh://h:/", "ssh://a..b", "ssh://[h]x", "ssh://x_y",
		"ls", "-la", "-W", "[h]:22", "-L", "8080:h:80", "-s", "-N", "-D", "1080", "-i", "-J", "-S", "none", "-Cq4", "-e", "-tt",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		args := []string{}
		for range 1 + random.IntN(7) {
			args = append(args, words[random.IntN(len(words))])
		}
		lists = append(lists, args)
	}

	accepted, refused := 0, 0
	for _, args := range lists {
		differs := func(arg string) bool { return arg == "-P" || arg == "-GZ" || strings.HasPrefix(arg, "ssh://_") }
		if slices.ContainsFunc(args, differs) {
			continue // The versions do not agree.
		}
		var stderr bytes.Buffer
		cmd := exec.Command(ssh, append([]string{"-F", "none", "-G"}, args...)...)
		cmd.Stderr = &stderr
		stdout, sshErr := cmd.Output()
		line, err := Parse(append([]string{"ssh"}, args...))

		if sshErr != nil {
			// It refuses much that is none of Parse's business, such as ports out of range. But its usage is shown for
			// a line that it cannot take apart, or that lacks the name of a subsystem.
			refused++
			text := stderr.String()
			if strings.Contains(text, "usage: ssh") && !strings.Contains(text, "specify a subsystem") && err == nil {
				t.Errorf("%q: read as %+v, ssh does not understand it: %s", args, line, text)
			}
			continue
		}
		accepted++
		if err != nil {
			t.Errorf("%q: %v, but ssh understands it", args, err)
			continue
		}
		understood := map[string]string{}
		for lines := bufio.NewScanner(bytes.NewReader(stdout)); lines.Scan(); {
			if keyword, value, found := strings.Cut(lines.Text(), " "); found && understood[keyword] == "" {
				understood[keyword] = value
			}
		}
		host, printed := understood["host"]
		if !printed { // Before 9.2 there is only the name in lower case, and an address (2222 is one) in its usual form.
			host = understood["hostname"]
			line.Destination = strings.ToLower(line.Destination)
		}
		if line.Destination != host && (printed || !isNumber(line.Destination)) {
			t.Errorf("%q: destination %q, ssh's %q", args, line.Destination, host)
		}
		if len(line.Users) > 0 && line.Users[0] != understood["user"] {
			t.Errorf("%q: users %q, ssh's %q", args, line.Users, understood["user"])
		}
		if line.Port != "ssh" && line.Port != understood["port"] && (line.Port != "" || understood["port"] != "22") {
			t.Errorf("%q: port %q, ssh's %q", args, line.Port, understood["port"])
		}
	}
	t.Logf("%d command lines that ssh accepts, %d that it refuses", accepted, refused)
	if accepted < len(lists)/10 || refused < len(lists)/10 {
		t.Errorf("of %d command lines ssh accepts %d and refuses %d: that compares nothing", len(lists), accepted, refused)
	}
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
