package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/test/gateway"
)

// result is the result of a session without a terminal.
type result struct {
	stdout, stderr string
	status         int    // -1 if there was none
	signal         string // of the exit-signal
}

// runScript opens the target without a terminal and gives it a script on stdin.
func runScript(t *testing.T, client *ssh.Client, target, script string) result {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Error(err)
		return result{}
	}
	defer session.Close()
	var stdout, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(script), &stdout, &stderr
	how := outcome(t, session.Run(target))
	how.stdout, how.stderr = stdout.String(), stderr.String()
	return how
}

// outcome reads how a session ended from the error of waiting for it.
func outcome(t *testing.T, err error) result {
	t.Helper()
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return result{}
	case errors.As(err, &exit) && exit.Signal() != "":
		return result{status: -1, signal: exit.Signal()}
	case errors.As(err, &exit):
		return result{status: exit.ExitStatus()}
	}
	t.Errorf("the session ended without an exit status: %v", err)
	return result{status: -1}
}

func TestTerminal(t *testing.T) {
	g, key := start(t)
	terminal := openTerminal(t, dial(t, g, key), "app_single")
	// The gateway's lines come first, then the prompt.
	terminal.expect(`^Opening an ssh shell\.\r\n` +
		`Warning: Permanently added '\[203\.0\.113\.30\]:28925' \(ED25519\) to the list of known hosts\.\r\r\n` +
		`Last login: .*\r\n\r\n[^\n]*` + prompt(single))

	terminal.typeIn("tty; stty size; echo $TERM\n")
	terminal.expect(`/dev/\S+\r\n43 132\r\nxterm-256color\r\n`)
	terminal.expect(prompt(single))

	terminal.typeIn("trap 'stty size' WINCH\n")
	terminal.expect(prompt(single))
	if err := terminal.WindowChange(50, 100); err != nil {
		t.Fatal(err)
	}
	terminal.expect("50 100\r\n")

	terminal.typeIn("cd $APP_HOME\n")
	terminal.expect("bas@" + single + ` ~/app_single \$ `)

	terminal.typeIn("sh -c 'echo re''ady; exec sleep 1000'\n")
	terminal.expect("ready\r\n")
	terminal.typeIn("\x03")
	terminal.expect(` \$ `)
	terminal.typeIn("echo status=$?\n")
	terminal.expect(`status=130\r\n`)

	terminal.typeIn("exit 7\n")
	if how := outcome(t, terminal.Wait()); how.status != 7 {
		t.Errorf("%+v", how)
	}
	want := []gateway.Session{{Target: "app_single", TTY: true, Instance: single, Ended: true, ExitStatus: 7}}
	if diff := cmp.Diff(want, g.Events().Sessions); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THIS_MACHINE", "1")
	g, key := start(t)
	session, err := dial(t, g, key).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for name, accepted := range map[string]bool{
		"LANG": true, "LC_TIME": true, "LD_PRELOAD": false, "APP_ID": false, "BASH_ENV": false,
	} {
		if err := session.Setenv(name, "C"); (err == nil) != accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
	session.Stdin = strings.NewReader("echo; env | sort\n")
	stdout, err := session.Output(caterpie)
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(stdout), "\n\n")
	for _, want := range []string{
		`(?m)^APP_ID=app_double$`, `(?m)^APP_HOME=/.*/app_double$`, `(?m)^INSTANCE_ID=` + caterpie + `$`,
		`(?m)^INSTANCE_NUMBER=1$`, `(?m)^USER=bas$`, `(?m)^LOGNAME=bas$`, `(?m)^LANG=C$`, `(?m)^LC_TIME=C$`,
		`(?m)^HOME=/`, `(?m)^PATH=/`,
	} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	if strings.Contains(list, "SECRET") || strings.Contains(list, "LD_PRELOAD") || strings.Contains(list, "TERM=") {
		t.Errorf("too much in\n%s", list)
	}
}

func TestExitStatus(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	for _, test := range []struct {
		script string
		want   result
	}{
		{"exit 0\n", result{}},
		{"true", result{}},
		{"exit 7\n", result{status: 7}},
		{"kill -TERM $$\n", result{status: -1, signal: "TERM"}},
		{"kill -KILL $$\n", result{status: -1, signal: "KILL"}},
		{"kill -XCPU $$\n", result{status: -1, signal: "24@fakegateway"}},
	} {
		for _, target := range []string{"app_single", single} {
			how := runScript(t, client, target, test.script)
			if strings.Contains(test.script, "XCPU") && strings.HasSuffix(how.signal, "@fakegateway") {
				how.signal = test.want.signal // its number differs between systems
			}
			if how.status != test.want.status || how.signal != test.want.signal {
				t.Errorf("%q: %+v", test.script, how)
			}
			session := g.Events().Sessions
			if last := session[len(session)-1]; !last.Ended || last.ExitStatus != test.want.status {
				t.Errorf("%q: recorded %+v", test.script, last)
			}
		}
	}
}

func TestSignalRequest(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)

	// Without a terminal it goes to the shell's process group.
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out := newScreen()
	session.Stdin, session.Stdout = strings.NewReader("echo ready; sleep 1000\n"), out
	if err := session.Start(single); err != nil {
		t.Fatal(err)
	}
	if _, err := out.waitFor(regexp.MustCompile("ready\n")); err != nil {
		t.Fatal(err)
	}
	if err := session.Signal(ssh.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if how := outcome(t, session.Wait()); how.signal != "USR1" {
		t.Errorf("%+v", how)
	}

	// With a terminal, it goes to whatever is in its foreground, and bash stays.
	terminal := openTerminal(t, client, single)
	terminal.expect(prompt(single))
	terminal.typeIn("bash -c 'trap \"echo caught; exit\" USR2; echo ready; while :; do read -t 1; done'\n")
	terminal.expect("ready\r\n")
	if err := terminal.Signal(ssh.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	terminal.expect("caught\r\n")
	terminal.expect(prompt(single))
}

// The script and what follows it arrive whole and unchanged, in both directions.
func TestScriptWithBinaryData(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	data := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)

	how := runScript(t, client, single, "echo start; echo start >&2; exec tee /dev/stderr\n"+string(data))
	for name, stream := range map[string]string{"stdout": how.stdout, "stderr": how.stderr} {
		noise, rest, found := strings.Cut(stream, "start\n")
		if !found || len(noise) == 0 {
			t.Errorf("%s: no noise before the script: %q", name, noise)
		}
		if rest != string(data) {
			t.Errorf("%s: the data was changed: %d of %d bytes", name, len(rest), len(data))
		}
	}
}

// A terminal in raw mode is 8-bit clean as well, and the last output is not lost when the shell exits.
func TestBinaryDataThroughTerminal(t *testing.T) {
	g, key := start(t)
	terminal := openTerminal(t, dial(t, g, key), single)
	terminal.expect(prompt(single))
	data := make([]byte, 2<<20)
	rand.NewChaCha8([32]byte{2}).Read(data)

	terminal.typeIn(fmt.Sprintf("stty raw -echo; echo send''now; head -c %d > data; echo have''it\n", len(data)))
	terminal.expect("sendnow\n")
	if _, err := terminal.Write(data); err != nil {
		t.Fatal(err)
	}
	terminal.expect("haveit\n")
	terminal.typeIn("stty raw -echo; echo b''egin; cat data; exit\n")
	if err := terminal.Wait(); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(terminal.screen.String(), "begin\n")
	// An interactive bash says "exit" on stderr after the data.
	if rest != string(data)+"exit\n" {
		t.Errorf("the data was changed: %d of %d bytes", len(rest), len(data))
	}
}

// The noise without a terminal comes on both streams, before any output of the shell.
func TestNoise(t *testing.T) {
	g, key := start(t)
	how := runScript(t, dial(t, g, key), "app_single", "echo out; echo err >&2\n")
	how.stdout = strings.Replace(how.stdout, "Last login: Fri Jul 18 20:17:00 UTC 2025 on pts/0\n", "", 1) // not always there
	want := result{
		stdout: "Opening an ssh shell.\nout\n",
		stderr: "Pseudo-terminal will not be allocated because stdin is not a terminal.\r\n" +
			"Warning: Permanently added '[203.0.113.30]:28925' (ED25519) to the list of known hosts.\r\nerr\n",
	}
	if how != want {
		t.Error(cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", how)))
	}
}

// What a background job writes after bash has exited belongs to the session.
func TestOutputAfterExit(t *testing.T) {
	g, key := start(t)
	how := runScript(t, dial(t, g, key), single,
		"mkfifo go; (cat < go; echo late) & exec 3> go; exit 3\n")
	if !strings.HasSuffix(how.stdout, "late\n") || how.status != 3 {
		t.Errorf("%+v", how)
	}
}

// All sessions of an instance see the same files; other sessions do not.
func TestHomeIsTheInstances(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	runScript(t, client, ponita, "echo here > $APP_HOME/file\n")
	if how := runScript(t, dial(t, g, key), ponita, "cat ~/app_double/file\n"); !strings.HasSuffix(how.stdout, "\nhere\n") {
		t.Errorf("%+v", how)
	}
	if how := runScript(t, client, caterpie, "cat ~/app_double/file\n"); how.status != 1 {
		t.Errorf("%+v", how)
	}
}

// The client's EOF ends a shell that reads a script, and means nothing to a terminal.
func TestEOF(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	if how := runScript(t, client, single, ""); how.status != 0 {
		t.Errorf("%+v", how)
	}
	terminal := openTerminal(t, client, single)
	terminal.expect(prompt(single))
	terminal.typeIn("echo still''here; exit 4\n")
	if err := terminal.Writer.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	terminal.expect("stillhere")
	if how := outcome(t, terminal.Wait()); how.status != 4 {
		t.Errorf("%+v", how)
	}
}

func TestRefusedRequests(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	if conn, err := client.Dial("tcp", g.Addr()); err == nil {
		conn.Close()
		t.Error("a direct-tcpip channel was opened")
	}
	if listener, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		listener.Close()
		t.Error("a remote forwarding was set up")
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, request := range []string{"auth-agent-req@openssh.com", "x11-req", "subsystem", "window-change", "signal"} {
		payload := ssh.Marshal(struct{ Name string }{"sftp"})
		if ok, err := session.SendRequest(request, true, payload); ok || err != nil {
			t.Errorf("%s: %t, %v", request, ok, err)
		}
	}
	if _, err := session.SendRequest("eow@openssh.com", true, nil); err != nil {
		t.Error(err)
	}
	if ok, err := session.SendRequest("pty-req", true, []byte("short")); ok || err != nil {
		t.Errorf("broken pty-req: %t, %v", ok, err)
	}
	// A refusal leaves the session usable, once.
	session.Stdin = strings.NewReader("exit 5\n")
	if err := session.Start("app_single"); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"shell", "exec", "pty-req", "env"} {
		if ok, _ := session.SendRequest(request, true, ssh.Marshal(struct{ Command string }{single})); ok {
			t.Errorf("a second %s", request)
		}
	}
	if how := outcome(t, session.Wait()); how.status != 5 {
		t.Errorf("%+v", how)
	}
	refused := g.Events().Refused
	for _, want := range []string{"direct-tcpip", "tcpip-forward", "subsystem", "auth-agent-req@openssh.com", "x11-req"} {
		if !slices.Contains(refused, want) {
			t.Errorf("%s is not among %q", want, refused)
		}
	}
	if slices.Contains(refused, "eow@openssh.com") {
		t.Errorf("%q", refused)
	}
	if n := len(g.Events().Sessions); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
