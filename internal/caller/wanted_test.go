package caller

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an ssh may be asked for.
const (
	target   = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
)

// asked reads the arguments of an ssh, separated by |: some of them hold blanks.
func asked(t *testing.T, args string) CommandLine {
	t.Helper()
	line, err := Parse(append([]string{"ssh"}, strings.Split(args, "|")...))
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
		// As in their logs.
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
		// ssh joins the words with blanks, and takes anything that is not empty for a command.
		{"an empty command", false, []string{"web.clever|", "web.clever|--|", "--|web.clever|", "-t|web.clever|"}},
		{"a command of blanks", true, []string{"web.clever| ", "web.clever||", "web.clever|\t", "web.clever|\n"}},

		{"no terminal, no session, a subsystem", true, []string{
			"-T|web.clever", "web.clever|-T", "web.clever|-T|--", "-N|web.clever", "-fN|web.clever", "-fNT|web.clever", "-vTC|web.clever", "web.clever|-vN", "-s|web.clever|netconf",
			"web.clever|-s|netconf", "ssh://web.clever|-T",
		}},
		// ssh -G shows which of these counts.
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
		// A letter in an option's value is not an option.
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
			"-o|RemoteCommand=" + target + " ls|web.clever", `-o|RemoteCommand="` + target + `"|web.clever`, "-o|RemoteCommand=ls|-o|RemoteCommand=" + target + "|web.clever",
		}},
		// The bridge's own way to the gateway.
		{"-o RemoteCommand of a target", false, []string{
			"-T|-o|RemoteCommand=" + target + "|--|web.clever", "-tt|-oRemoteCommand=" + target + "|web.clever", "-T|-o|RemoteCommand=" + instance + "|web.clever",
			"-f|-N|-T|-o|ControlMaster=yes|-o|RemoteCommand=" + target + "|-o|RemoteCommand=none|--|web.clever", "-O|check|-o|remotecommand " + target + "|--|web.clever",
		}},

		{"connections beside a target that is named", true, []string{
			"-o|RemoteCommand=" + target + "|-L|1:a:1|web.clever", "-N|-D|1|-o|RemoteCommand=" + target + "|web.clever", "-o|RemoteCommand=" + target + "|-W|a:1|web.clever",
			"-s|-o|RemoteCommand=" + target + "|web.clever", "-o|RemoteCommand=" + target + "|-o|LocalForward=1 a:1|web.clever",
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
			if got := asked(t, args).WantsBridge(); got != c.want {
				t.Errorf("%s: %s: %v", c.title, args, got)
			}
		}
	}
}

// Where a connection leads, as whom, and which host keys are good is the bridge's own business.
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
		// A keyword after another keyword is a value.
		{"-o|HostKeyAlias=BatchMode yes|-o|HostKeyAlias BatchMode=yes|web.clever", ""},

		{scpOptions + "-q|-C|-v|-i|/keys/id|-oForwardAgent=no|-p|22|-l|bob|--|web.clever|scp -v -r -p -f f", "-i|/keys/id"},
		{ansibleOptions + `-o|IdentityFile="/keys/id"|-o|User="bob"|-tt|web.clever|ls`, `-o|ConnectTimeout=10|-o|IdentityFile="/keys/id"`},
	} {
		args, _ := asked(t, c.args).HandedOn()
		if diff := cmp.Diff(c.want, strings.Join(args, "|")); diff != "" {
			t.Errorf("%s: %s", c.args, diff)
		}
	}
}

// An ssh, and its clever-ssh, read again what is handed on: it must not be a request of its own.
func TestHandedOnAsksForNothing(t *testing.T) {
	list, _ := asked(t, "-vqF|f|-o|IdentityFile=-N|-i|-T|-I|-L|-o|LogLevel=DEBUG|web.clever|ls").HandedOn()
	args := strings.Join(list, "|")
	line := asked(t, args+"|web.clever")
	if line.WantsBridge() || line.Destination != "web.clever" {
		t.Errorf("%s: %+v", args, line)
	}
}

// Options that decide where a connection leads, and as whom, distinguish connections; how they are spelled does not.
func TestDecisive(t *testing.T) {
	_, decisive := asked(t, "-vq4|-i|key|-F|config|-o|ConnectTimeout=3|-o|BatchMode=yes|-o|IdentityAgent=a|-o|LogLevel=DEBUG|web.clever|ls").HandedOn()
	if got, want := strings.Join(decisive, "|"), "-4|-i|key|-F|config|-o|IdentityAgent=a"; got != want {
		t.Errorf("decisive is %q, want %q", got, want)
	}
}
