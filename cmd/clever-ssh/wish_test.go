//go:build unix

package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/caller"

	"github.com/google/go-cmp/cmp"
)

// asked reads the arguments of an ssh, which a | separates: some of them hold blanks.
func asked(t *testing.T, args string) caller.CommandLine {
	t.Helper()
	line, err := caller.Parse(append([]string{"ssh"}, strings.Split(args, "|")...))
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return line
}

// scpOptions are what scp puts first.
const scpOptions = "-x|-oPermitLocalCommand=no|-oClearAllForwardings=yes|-oRemoteCommand=none|-oRequestTTY=no|"

// ansibleOptions are what ansible's connection plugin puts first.
const ansibleOptions = "-C|-o|ControlMaster=auto|-o|ControlPersist=60s|-o|KbdInteractiveAuthentication=no|" +
	"-o|PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey|-o|PasswordAuthentication=no|-o|ConnectTimeout=10|" +
	`-o|ControlPath="/home/me/.ansible/cp/d452789d01"|`

func TestWantsBridge(t *testing.T) {
	for _, c := range []struct {
		title string
		want  bool
		args  []string
	}{
		// These were recorded from scp and sftp 9.2, rsync 3.2, git 2.39, sshfs 3.7 and ansible 2.14.
		{"scp, either way", true, []string{scpOptions + "-oForwardAgent=no|-s|--|web.clever|sftp"}},
		{"scp -O", true, []string{
			scpOptions + "-oForwardAgent=no|--|web.clever|scp -t .",
			scpOptions + "-oForwardAgent=no|--|web.clever|scp -f f",
			scpOptions + "-q|-C|-v|-i|/keys/id|-oForwardAgent=no|-p|22|-l|bob|--|web.clever|scp -v -r -p -f f",
		}},
		{"sftp", true, []string{
			"-oForwardX11 no|-oPermitLocalCommand no|-oClearAllForwardings yes|-oForwardAgent no|-s|--|web.clever|sftp",
			"-oForwardX11 no|-oPermitLocalCommand no|-oClearAllForwardings yes|-obatchmode yes|-oForwardAgent no|--|web.clever|/usr/lib/sftp-server",
		}},
		{"rsync", true, []string{
			"web.clever|rsync|--server|-logDtpre.iLsfxCIvu|.|w/",
			"-l|bob|web.clever|rsync|--server|-logDtpre.iLsfxCIvu|.|w/",
			"-p|22|-T|web.clever|rsync|--server|--sender|-logDtpre.iLsfxCIvu|.|w/",
			"web.clever|rsync|--server|--daemon|.",
		}},
		{"git", true, []string{
			"-o|SendEnv=GIT_PROTOCOL|web.clever|git-upload-pack 'repo.git'",
			"-o|SendEnv=GIT_PROTOCOL|-p|2222|bob@web.clever|git-upload-pack '~/repo.git'",
			"-4|web.clever|git-upload-pack 'repo.git'",
		}},
		{"sshfs", true, []string{
			"-x|-a|-oClearAllForwardings=yes|-2|-s|--|web.clever|sftp",
			"-x|-a|-oClearAllForwardings=yes|-oServerAliveInterval=15|-oCompression=yes|-oPort=22|-2|-s|--|web.clever|sftp",
		}},
		{"ansible", true, []string{
			ansibleOptions + "web.clever|/bin/sh -c 'echo ~ && sleep 0'",
			ansibleOptions + `-o|User="bob"|-tt|web.clever|ls`,
		}},
		// As their logs have them.
		{"VS Code", true, []string{
			"-v|-T|-D|0|-o|RemoteCommand=none|web.clever",
			"-v|-T|-D|0|-o|RemoteCommand=none|web.clever|bash",
			"-T|-D|62480|web.clever|bash",
			"-v|-T|-D|62480|-o|ConnectTimeout=15|web.clever",
			"-T|-o|ClearAllForwardings=true|web.clever|bash",
		}},
		{"docker", true, []string{"-o|ConnectTimeout=30|-T|--|web.clever|docker system dial-stdio"}},
		{"ssh -J web.clever other.example starts this", true, []string{
			"-W|[other.example]:22|web.clever", "-l|bob|-p|2222|-F|/home/me/config|-v|-W|[other.example]:22|web.clever",
		}},
		{"a jump host of one's own", false, []string{"-J|other.example|web.clever"}},

		{"a session", false, []string{
			"web.clever", "-t|web.clever", "-tt|web.clever", "web.clever|-t", "-v|web.clever|-C", "--|web.clever", "web.clever|--", "-4AXCqvvv|web.clever",
			"-i|/keys/id|-e|none|-F|/home/me/config|web.clever", "-M|web.clever", "-n|web.clever", "-f|web.clever", "bob@web.clever", "-l|-T|web.clever",
			"ssh://web.clever", "ssh://bob@web.clever:2222/",
		}},
		{"a command", true, []string{
			"web.clever|ls", "web.clever|ls|-l", "web.clever|ls -l", "-t|web.clever|top", "web.clever|-t|top", "--|web.clever|ls", "web.clever|--|ls", "--|web.clever|--|ls",
			"--|web.clever|-t", "bob@web.clever|ls", "ssh://web.clever|ls", "ssh://bob@web.clever:2222|ls", "-n|web.clever|ls", "-f|web.clever|ls",
		}},
		// ssh joins the words with blanks, and takes what is not empty for a command.
		{"an empty command", false, []string{"web.clever|", "web.clever|--|", "--|web.clever|", "-t|web.clever|"}},
		{"a command of blanks", true, []string{"web.clever| ", "web.clever||", "web.clever|\t", "web.clever|\n"}},

		{"no terminal, no session, a subsystem", true, []string{
			"-T|web.clever", "web.clever|-T", "web.clever|-T|--", "-N|web.clever", "-fN|web.clever", "-fNT|web.clever", "-vTC|web.clever", "web.clever|-vN", "-s|web.clever|netconf",
			"web.clever|-s|netconf", "ssh://web.clever|-T",
		}},
		// ssh -G tells what of this counts.
		{"no terminal at last", true, []string{
			"-t|-T|web.clever", "-tT|web.clever", "-t|web.clever|-T", "-o|RequestTTY=yes|-T|web.clever", "-T|-o|RequestTTY=yes|web.clever", "-N|-t|web.clever",
		}},
		{"a terminal at last", false, []string{
			"-T|-t|web.clever", "-Tt|web.clever", "-T|web.clever|-t", "-o|RequestTTY=no|-t|web.clever", "-t|-o|RequestTTY=no|web.clever", "-T|-tt|web.clever",
		}},
		{"forwards", true, []string{
			"-L|8080:localhost:80|web.clever", "-L8080:localhost:80|web.clever", "web.clever|-L|8080:localhost:80", "-R|0:localhost:80|web.clever", "-D|1080|web.clever",
			"-NL|8080:localhost:80|web.clever", "-vCL8080:localhost:80|web.clever", "-fNTD1080|web.clever", "-W|localhost:80|web.clever", "-tL|1:localhost:1|web.clever",
		}},
		// A letter in an option's value is none.
		{"letters that are none", false, []string{"-i|-N|web.clever", "-iT|web.clever", "-lsNTWLRD|web.clever", "-e|T|web.clever", "-E|L|web.clever"}},

		{"-o that stands for one of those", true, []string{
			"-o|SessionType=none|web.clever", "-oSessionType=none|web.clever", "-o|sessiontype none|web.clever", "-o|SESSIONTYPE  =  None|web.clever", `-o|SessionType="none"|web.clever`,
			"web.clever|-o|SessionType=none", "-vo|SessionType=none|web.clever", "-voSessionType=none|web.clever", "-o|SessionType=subsystem|web.clever|netconf",
			"-o|RequestTTY=no|web.clever", "-oRequestTTY no|web.clever", "-o|requesttty=False|web.clever", `-o|"RequestTTY" no|web.clever`, "-o| RequestTTY=no|web.clever",
			"-o|LocalForward=8080 localhost:80|web.clever", "-oLocalForward 8080 localhost:80|web.clever", "-o|remoteforward=0 localhost:80|web.clever", "-o|DynamicForward=1080|web.clever",
			"-o|RequestTTY=no|-o|RequestTTY=yes|web.clever", "-o|SessionType=none|-o|SessionType=default|web.clever", // the first counts
		}},
		{"-o that does not", false, []string{
			"-o|SessionType=default|web.clever", "-o|RequestTTY=yes|web.clever", "-o|RequestTTY=force|web.clever", "-o|RequestTTY=auto|web.clever", "-o|ForwardAgent=yes|web.clever",
			"-o|RequestTTY=yes|-o|RequestTTY=no|web.clever", "-o|SessionType=default|-o|SessionType=none|web.clever", "-o|ClearAllForwardings=yes|web.clever", "-o|SendEnv=LANG|web.clever",
		}},
		{"-o RemoteCommand", true, []string{
			"-o|RemoteCommand=none|web.clever", "-oRemoteCommand=ls|web.clever", "-o|remotecommand ls -l|web.clever", "-t|-o|RemoteCommand=top|web.clever", "web.clever|-oRemoteCommand = ls",
			"-o|RemoteCommand=" + appWeb + " ls|web.clever", `-o|RemoteCommand="` + appWeb + `"|web.clever`, "-o|RemoteCommand=ls|-o|RemoteCommand=" + appWeb + "|web.clever",
		}},
		// The bridge's own way to the gateway.
		{"-o RemoteCommand of a target", false, []string{
			"-T|-o|RemoteCommand=" + appWeb + "|--|web.clever", "-tt|-oRemoteCommand=" + appWeb + "|web.clever", "-T|-o|RemoteCommand=" + instanceWeb + "|web.clever",
			"-f|-N|-T|-o|ControlMaster=yes|-o|RemoteCommand=" + appWeb + "|-o|RemoteCommand=none|--|web.clever", "-O|check|-o|remotecommand " + appWeb + "|--|web.clever",
		}},

		{"connections beside a target that is named", true, []string{
			"-o|RemoteCommand=" + appWeb + "|-L|1:a:1|web.clever", "-N|-D|1|-o|RemoteCommand=" + appWeb + "|web.clever", "-o|RemoteCommand=" + appWeb + "|-W|a:1|web.clever",
			"-s|-o|RemoteCommand=" + appWeb + "|web.clever", "-o|RemoteCommand=" + appWeb + "|-o|LocalForward=1 a:1|web.clever",
		}},
		{"connections that are cleared", false, []string{
			"-o|ClearAllForwardings=yes|-L|1:a:1|web.clever", "-D|1|-oClearAllForwardings=true|web.clever", "-o|LocalForward=1 a:1|-o|ClearAllForwardings=yes|web.clever",
		}},
		{"a terminal that is not there, and connections that are cleared", true, []string{"-o|ClearAllForwardings=yes|-T|-D|1|web.clever", "-o|ClearAllForwardings=yes|-W|a:1|web.clever"}},

		// What opens no connection, or none of its own, shows or does the same as if it did.
		{"-G", true, []string{"-G|web.clever|ls", "-GT|web.clever", "web.clever|-G|ls"}},
		{"-G of a session", false, []string{"-G|web.clever", "web.clever|-G"}},
		{"-O", false, []string{"-O|check|web.clever", "-S|/run/me/socket|-O|exit|web.clever", "-Ocheck|-S|none|web.clever"}},
	} {
		for _, args := range c.args {
			if got := wantsBridge(asked(t, args)); got != c.want {
				t.Errorf("%s: %s: %v", c.title, args, got)
			}
		}
	}
}

// Whatever says where a connection leads, as whom, and which host keys are good, is the bridge's own business.
func TestHandedOn(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"web.clever|ls", ""},
		{"-F|/home/me/my config|web.clever|ls", "-F|/home/me/my config"},
		{"-F/home/me/config|web.clever|ls", "-F|/home/me/config"},
		{"web.clever|-F|none|ls", "-F|none"},
		{"-i|a|-ib|-I|/lib/pkcs11.so|web.clever|-i|c", "-i|a|-i|b|-I|/lib/pkcs11.so|-i|c"},
		{"-vvv|web.clever|-v|ls", ""},
		{"-46qTvi|a|web.clever", "-4|-6|-i|a"},
		{"-i|-v|web.clever|ls", "-i|-v"},
		{"--|web.clever|-v", ""},
		{"web.clever|--|-v", ""},
		{"web.clever|ls|-v", ""},

		{"-o|BatchMode=yes|-obatchmode yes|-o|CONNECTTIMEOUT = 5|web.clever", "-o|BatchMode=yes|-o|batchmode yes|-o|CONNECTTIMEOUT = 5"},
		{`-o|IdentityFile="/keys/my id"|-oIdentitiesOnly=yes|-o|IdentityAgent none|-o|CertificateFile=c|web.clever`,
			`-o|IdentityFile="/keys/my id"|-o|IdentitiesOnly=yes|-o|IdentityAgent none|-o|CertificateFile=c`},
		{"-o|AddressFamily=inet|-o|LogLevel=ERROR|-o|ConnectionAttempts=3|-o|AddKeysToAgent=yes|web.clever",
			"-o|AddressFamily=inet|-o|ConnectionAttempts=3|-o|AddKeysToAgent=yes"},

		{"-l|bob|-p|2222|-o|User=bob|-oPort=2222|-o|HostName=evil.invalid|bob@web.clever|ls", ""},
		{"-o|StrictHostKeyChecking=no|-o|UserKnownHostsFile=/dev/null|-o|GlobalKnownHostsFile=/dev/null|-o|HostKeyAlias=evil|-o|HostKeyAlgorithms=ssh-rsa|-o|VerifyHostKeyDNS=yes|web.clever|ls", ""},
		{"-J|evil.invalid|-o|ProxyJump=evil.invalid|-o|ProxyCommand=evil|-o|KnownHostsCommand=evil|-o|LocalCommand=evil|-o|PermitLocalCommand=yes|web.clever|ls", ""},
		{"-o|RemoteCommand=ls|-o|RequestTTY=no|-o|SessionType=none|-T|-t|-N|-s|-n|-f|web.clever|ls", ""},
		{"-A|-X|-Y|-o|ForwardAgent=yes|-o|ForwardX11=yes|-o|SendEnv=LANG|-o|SetEnv=A=B|-w|any|-o|Tunnel=yes|web.clever|ls", ""},
		{"-L|1:a:1|-R|2:b:2|-D|3|-W|c:4|-o|LocalForward=1 a:1|web.clever", ""},
		{"-M|-S|/run/me/socket|-O|check|-o|ControlPath=/run/me/socket|-o|ControlMaster=yes|-o|ControlPersist=yes|web.clever", ""},
		{"-o|PasswordAuthentication=yes|-o|PreferredAuthentications=password|-o|PubkeyAuthentication=no|-o|IdentityFileX=a|-o|Include=evil|web.clever", ""},
		// A keyword behind another's is a value.
		{"-o|HostKeyAlias=BatchMode yes|-o|HostKeyAlias BatchMode=yes|web.clever", ""},

		{scpOptions + "-q|-C|-v|-i|/keys/id|-oForwardAgent=no|-p|22|-l|bob|--|web.clever|scp -v -r -p -f f", "-i|/keys/id"},
		{ansibleOptions + `-o|IdentityFile="/keys/id"|-o|User="bob"|-tt|web.clever|ls`, `-o|ConnectTimeout=10|-o|IdentityFile="/keys/id"`},
	} {
		args, _ := handedOn(asked(t, c.args))
		if diff := cmp.Diff(c.want, strings.Join(args, "|")); diff != "" {
			t.Errorf("%s: %s", c.args, diff)
		}
	}
}

// What is handed on is read again by an ssh, and its clever-ssh: it must not be a wish of its own.
func TestHandedOnAsksForNothing(t *testing.T) {
	list, _ := handedOn(asked(t, "-vqF|f|-o|IdentityFile=-N|-i|-T|-I|-L|-o|LogLevel=DEBUG|web.clever|ls"))
	args := strings.Join(list, "|")
	line := asked(t, args+"|web.clever")
	if wantsBridge(line) || line.Destination != "web.clever" {
		t.Errorf("%s: %+v", args, line)
	}
}

// What decides where a connection leads, and as whom, tells connections apart; how it is told of does not.
func TestDecisive(t *testing.T) {
	_, decisive := handedOn(asked(t, "-vq4|-i|key|-F|config|-o|ConnectTimeout=3|-o|BatchMode=yes|-o|IdentityAgent=a|-o|LogLevel=DEBUG|web.clever|ls"))
	if got, want := strings.Join(decisive, "|"), "-4|-i|key|-F|config|-o|IdentityAgent=a"; got != want {
		t.Errorf("decisive is %q, want %q", got, want)
	}
}

// randomLine is a command line of ssh for web.clever, of words that decide what it asks for, in spellings that people do not use.
func randomLine(random *rand.Rand) []string {
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	option := func() string {
		keyword := pick("RequestTTY", "requesttty", "SessionType", "RemoteCommand", "LocalForward", "DynamicForward", "ClearAllForwardings", "BatchMode", "ProxyJump", "ProxyCommand")
		value := map[string]string{
			"requesttty": pick("no", "yes", "force", "auto", "false", "true", "NO", "None"), "sessiontype": pick("none", "default", "subsystem", "None"),
			"remotecommand": pick("none", appWeb, "ls", "ls -l", appWeb+" x", "NONE"), "localforward": pick("1 a:1", "1:b:2"), "dynamicforward": pick("1080", "a:1"),
			"clearallforwardings": pick("yes", "no", "true", "YES"), "batchmode": pick("yes", "no"), "proxyjump": pick("none", "b", "u@b:1"), "proxycommand": pick("none", "x %h", "NONE"),
		}[strings.ToLower(keyword)]
		if random.IntN(8) == 0 {
			keyword = pick(`"`+keyword+`"`, " "+keyword, keyword[:3]+`"`+keyword[3:]+`"`, "#"+keyword, "="+keyword, keyword+"\t")
		}
		if random.IntN(3) == 0 {
			value = pick(`"`+value+`"`, "'"+value+"'", value+" #c", value+"#c", value+" x", " "+value+" ", value+"\t", value[:1]+`"`+value[1:]+`"`, value+"\f", `\`+value, value+`"`, "="+value, value+",", `\"`+value)
		}
		return keyword + pick("=", " ", " = ", "= ", "==", "=\t", " =", "  ") + value
	}
	var args []string
	for range random.IntN(5) {
		switch random.IntN(6) {
		case 0, 1:
			args = append(args, "-o", option())
		case 2:
			args = append(args, "-"+pick("", "v", "C")+"o"+option())
		default:
			args = append(args, pick("-T", "-t", "-tt", "-N", "-s", "-W", "-L1:a:1", "-vT", "-Tt", "-tN", "-n", "-l", "-i", "-e", "-b", "-F", "-q", "-J", "-D1", "-J b"))
			if word := args[len(args)-1]; len(word) == 2 && strings.Contains("WlieFJb", word[1:]) {
				args = append(args, map[string]string{"-W": "h:1", "-F": "none", "-b": "127.0.0.1", "-J": "b"}[word])
				if last := len(args) - 1; args[last] == "" {
					args[last] = pick("-T", "x", "none", "--")
				}
			}
		}
		if random.IntN(3) == 0 {
			args = append(args, pick("web.clever", "web.clever", "bob@web.clever", "ssh://web.clever", "--", ""))
		}
	}
	args = append(args, "web.clever")
	for range random.IntN(3) {
		args = append(args, pick("ls", "", "-T", "--", "-N", " ", "-o", "RequestTTY=no"))
	}
	return args
}

// compareWithSSH reads a command line, has ssh read it, and compares what they make of it. It is not ok where ssh refuses the line:
// then nobody calls.
func compareWithSSH(t *testing.T, ssh, entries string, args []string) (ok bool) {
	t.Helper()
	ask := func(first ...string) (options, said string, err error) {
		cmd := exec.Command(ssh, append(append([]string{"-F", entries, "-G"}, first...), args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		return string(out), stderr.String(), err
	}
	options, said, err := ask()
	// What it has against two commands tells that there is one.
	const two = "Cannot execute command-line and remote command"
	conflict := strings.Contains(said, two)
	if err != nil && !conflict {
		return false
	}
	line, err := caller.Parse(append([]string{"ssh", "-F", entries, "-G"}, args...))
	if err != nil {
		t.Errorf("%q: %v, and ssh understands it", args, err)
		return true
	}
	if conflict { // a command and a RemoteCommand: all that counts is that there is a command
		if !wantsBridge(line) || strings.Join(line.Command, " ") == "" {
			t.Errorf("%q: no command, and ssh has one", args)
		}
		return true
	}
	_, _, err = ask("-o", "RemoteCommand=probe") // with -q it does not even say why
	command := err != nil
	if got := strings.Join(line.Command, " ") != ""; got != command {
		t.Errorf("%q: a command is %t, for ssh %t", args, got, command)
	}
	if host := optionOf(options, "host"); host != "" && host != line.Destination {
		t.Errorf("%q: destination %q, for ssh %q", args, line.Destination, host)
	}
	own := optionOf(options, "remotecommand")
	_, notTarget := config.ParseTarget(own)
	_, named := line.Option("RemoteCommand")
	forwards := optionOf(options, "localforward") != "" || optionOf(options, "dynamicforward") != ""
	session := optionOf(options, "sessiontype")
	if session == "" { // an ssh before 8.7 does not say it
		if hasFlag(line, "NsW") {
			session = "none"
		}
	}
	var want bool
	switch terminal := optionOf(options, "requesttty"); {
	case command || forwards || hasFlag(line, "sW"):
		want = true
	case own != "" || named: // -G does not tell none from nothing
		want = notTarget != nil
	default:
		want = session != "default" && session != "" || terminal == "no" || terminal == "false"
	}
	if got := wantsBridge(line); got != want {
		t.Errorf("%q: the bridge is %t, and should be %t by\n%s", args, got, want, options)
	}
	// A ProxyJump or a ProxyCommand does away with that of the entries. So does a ProxyJump of none for some releases of ssh, and for
	// others not: that counts as one.
	ownFile := slices.ContainsFunc(line.Flags[2:], func(f caller.Flag) bool { return f.Letter == 'F' })
	if ours := optionOf(options, "proxycommand") == "ours"; !ownFile && !jumpsToNone(line) && ours != (besideProxy(line) == "") {
		t.Errorf("%q: %q beside the ProxyCommand of the entries, which ssh uses: %t", args, besideProxy(line), ours)
	}
	return true
}

func jumpsToNone(line caller.CommandLine) bool {
	jump, _ := line.Option("ProxyJump")
	return strings.EqualFold(jump, "none") || slices.Contains(line.Flags, caller.Flag{Letter: 'J', Value: "none"})
}

// FuzzCommandLines compares what we make of the command line of an ssh with what ssh makes of it. `go test -fuzz` tries more.
func FuzzCommandLines(f *testing.F) {
	ssh := os.Getenv(realSSH)
	if ssh == "" {
		f.Skip("there is no ssh on PATH")
	}
	for seed := range uint64(6) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		entries := filepath.Join(t.TempDir(), "config")
		must(t, os.WriteFile(entries, []byte("ProxyCommand ours\n"), 0o600))
		understood := 0
		for range 20 {
			if compareWithSSH(t, ssh, entries, randomLine(random)) {
				understood++
			}
		}
		if understood == 0 {
			t.Error("ssh has refused all lines: that compares nothing")
		}
	})
}
