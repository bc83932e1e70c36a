package caller

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"github.com/google/go-cmp/cmp"
)

// A test starts this same binary again in other roles, which these environment variables assign.
const (
	// reportTo makes it write what SSH returns, as JSON, to the file that the variable names.
	reportTo = "CALLER_TEST_REPORT"
	// startBy makes it stand in for ssh and start the reporting one: directly, through Windows' cmd, or through the
	// shell command in the variable.
	startBy = "CALLER_TEST_START"
	// certain tells the reporting one that only an ssh can have called.
	certain = "CALLER_TEST_CERTAIN"
)

// call is what the reporting one is called with.
const call = "proxy"

// ours reports whether the entries are for a host.
func ours(host string) bool { return strings.HasSuffix(host, ".clever") }

type report struct {
	Line CommandLine
	PID  int
	OK   bool
	Err  string
}

func TestMain(m *testing.M) {
	command, starts := os.LookupEnv(startBy)
	path, reports := os.LookupEnv(reportTo)
	switch {
	case starts:
		os.Unsetenv(startBy)
		cmd := exec.Command("/bin/sh", "-c", command)
		switch command {
		case "directly":
			cmd = exec.Command(os.Getenv("CALLER_TEST_BINARY"), call)
		case "cmd":
			cmd = exec.Command("cmd", "/c", os.Getenv("CALLER_TEST_BINARY"), call)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case reports:
		var r report
		var err error
		if r.Line, r.PID, r.OK, err = SSH(ours, os.Getenv(certain) != ""); err != nil {
			r.Err = err.Error()
		}
		text, _ := json.Marshal(r)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(test.InShortFolder(m.Run))
	}
}

// testBinary returns the path of this test binary.
func testBinary(t *testing.T) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a command whose descendant reports, and returns the report and the command's process id.
func run(t *testing.T, cmd *exec.Cmd, env ...string) (report, int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report")
	cmd.Env = append(os.Environ(), reportTo+"="+path, "CALLER_TEST_BINARY="+testBinary(t), "HOME="+t.TempDir())
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // By default a process sleeps a second before it exits.
	cmd.Env = append(cmd.Env, env...)
	output, _ := cmd.CombinedOutput() // A real ssh fails, because nothing answers it.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%q reports nothing: %s", cmd.Args, output)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r, cmd.Process.Pid
}

// standIn returns the path of this test binary under another name.
func standIn(t *testing.T, name string) string {
	if runtime.GOOS == "windows" && filepath.Ext(name) == "" {
		name += ".exe"
	}
	path := filepath.Join(t.TempDir(), name)
	if os.Link(testBinary(t), path) == nil { // Windows lets few people make symbolic links.
		return path
	}
	if err := os.Symlink(testBinary(t), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSSH(t *testing.T) {
	test.Slow(t)
	args := []string{"-v", "bob@web.clever", "ls", "a\nb $(c)", ""}
	line := CommandLine{Destination: "web.clever", Users: []string{"bob"}, Flags: []Flag{{Letter: 'v'}},
		Command: []string{"ls", "a\nb $(c)", ""}}
	const program = `"$CALLER_TEST_BINARY" ` + call
	const nothing, always, ifCertain = 0, 1, 2
	for _, test := range []struct {
		name    string
		program string
		start   string
		is      int // an ssh
	}{
		{"directly", "ssh", "directly", always},
		{"older name", "slogin", "directly", always},
		{"Windows name", "SSH.EXE", "directly", always},
		{"another name", "hpnssh", "directly", ifCertain},
		{"cmd", "ssh", "cmd", always},
		{"cmd, another name", "hpnssh", "cmd", ifCertain},
		{"shell that goes", "ssh", "exec " + program, always},
		{"shell that stays", "ssh", program + "; true", always},
		{"shell with a cluster of flags", "ssh", `exec sh -ec '` + program + `; true'`, always},
		{"two shells", "ssh", `sh -c '` + program + `; true'; true`, ifCertain},
		{"many shells, another name", "hpnssh", `sh -c 'sh -c "sh -c \"\\\"\$CALLER_TEST_BINARY\\\" ` + call + `; true\"; true"; true'; true`, ifCertain},
		{"script that is told what to run", "ssh", `printf 'eval "$2"; true' >"$HOME/script"; sh "$HOME/script" -c '` + program + `'; true`, ifCertain},
		{"script that runs it by itself", "ssh", `printf '"$CALLER_TEST_BINARY" proxy; true' >"$HOME/script"; exec sh "$HOME/script"`, nothing},
	} {
		for _, sure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, certain=%t", test.name, sure), func(t *testing.T) {
				if test.start != "directly" && (test.start == "cmd") != (runtime.GOOS == "windows") {
					t.Skip("another system's shell")
				}
				env := []string{startBy + "=" + test.start}
				if sure {
					env = append(env, certain+"=1")
				}
				got, pid := run(t, exec.Command(standIn(t, test.program), args...), env...)
				want := report{}
				if test.is == always || test.is == ifCertain && sure {
					want = report{Line: line, PID: pid, OK: true}
					if got.Line.Program == "" {
						t.Error("the ssh has no path")
					}
					got.Line.Program = ""
				} else if sure {
					if got.Err == "" {
						t.Error("nobody is told why there is none")
					}
					got.Err = ""
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}

	// Whatever started the calling program does not matter.
	t.Run("an ssh above another program", func(t *testing.T) {
		got, _ := run(t, exec.Command(standIn(t, "ssh"), "web.clever"), certain+"=1",
			startBy+`=cp "$CALLER_TEST_BINARY" "$HOME/git"; unset CALLER_TEST_START; export CALLER_TEST_START=directly; "$HOME/git" fetch; true`)
		if got.OK || !strings.Contains(got.Err, "/git fetch") {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("-P that is two things", func(t *testing.T) {
		for args, want := range map[string]string{
			"-P tag web.clever ls": "web.clever", "-Ptag web.clever": "", "-P web.clever ls": "web.clever", "-P web.clever": "web.clever",
			"-P web.clever other.clever": "", "web.clever -P other.clever ls": "", "-vP -T web.clever": "", "-P a -P b web.clever": "web.clever",
		} {
			line, err := parseFor(ours, strings.Fields("ssh "+args))
			if line.Destination != want || (err == nil) != (want != "") {
				t.Errorf("%s: %+v, %v", args, line, err)
			}
		}
	})

	t.Run("command line that is none", func(t *testing.T) {
		got, pid := run(t, exec.Command(standIn(t, "ssh"), "--help"), startBy+"=directly")
		if !got.OK || got.PID != pid || got.Err == "" {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("this test", func(t *testing.T) {
		if got, _ := run(t, exec.Command(testBinary(t), call)); got.OK || got.Err != "" {
			t.Errorf("got %+v", got)
		}
	})
}

// TestSSHReal calls SSH from under the installed ssh, in each way that it runs a program and under each shell that
// people have.
func TestSSHReal(t *testing.T) {
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	path, err := filepath.EvalSymlinks(ssh)
	if err != nil {
		t.Fatal(err)
	}
	program := testBinary(t)
	if strings.ContainsAny(program, ` "'\$%`) {
		t.Skipf("%s needs quotes, which is not what is tested", program)
	}
	want := CommandLine{Destination: "Web.clever", Users: []string{"bob"}, Flags: []Flag{{Letter: 'T'}}, Command: []string{"ls", ""}}
	ways := []struct {
		name   string
		config string
		args   []string
		want   CommandLine
	}{
		{"ProxyCommand", "ProxyCommand " + program, nil, want},
		{"ProxyCommand in a shell", "ProxyCommand sh -c '" + program + " proxy; true'", nil, want},
		{"Match exec", `Match originalhost "*.clever" exec "exec ` + program + ` match"`, []string{"-G"}, want},
		{"Match exec without exec", `Match originalhost "*.clever" exec "` + program + ` match"`, []string{"-G"}, want},
		{"Match exec of many words", `Match originalhost "*.clever" exec "` + program + ` match; true"`, []string{"-G"}, want},
		{"ControlPersist", "ProxyCommand " + program + "\nControlMaster auto\nControlPersist yes\nControlPath /nonexistent/%C", nil, want},
	}
	for _, name := range []string{"sh", "bash", "dash", "fish", "tcsh", "zsh"} {
		t.Run(name, func(t *testing.T) {
			shell := test.Need(t, name)
			for _, way := range ways {
				t.Run(way.name, func(t *testing.T) {
					config := writeConfig(t, way.config)
					args := append(append([]string{"-F", config}, way.args...), "-T", "--", "bob@Web.clever", "ls", "")
					got, pid := run(t, exec.Command(ssh, args...), "SHELL="+shell)

					// Drop what this test added itself.
					flags := got.Line.Flags
					if len(flags) < 1+len(way.args) || flags[0] != (Flag{'F', config}) {
						t.Fatalf("got %+v", got)
					}
					got.Line.Flags = flags[1+len(way.args):]
					if got.Line.Program != path {
						t.Errorf("the ssh is %s, want %s", got.Line.Program, path)
					}
					got.Line.Program = ""
					if diff := cmp.Diff(report{Line: way.want, PID: pid, OK: true}, got); diff != "" {
						t.Errorf("-want +got:\n%s", diff)
					}
				})
			}
		})
	}

	t.Run("ProxyJump", func(t *testing.T) {
		config := writeConfig(t, "Host Web.clever\n  ProxyCommand "+program)
		got, _ := run(t, exec.Command(ssh, "-F", config, "-J", "bob@Web.clever:2222", "inner.example"))
		want := CommandLine{Destination: "Web.clever", Users: []string{"bob"}, Port: "2222",
			Flags: []Flag{{'l', "bob"}, {'p', "2222"}, {'F', config}, {'W', "[inner.example]:22"}}}
		got.Line.Program = ""
		if diff := cmp.Diff(want, got.Line); diff != "" || !got.OK {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// writeConfig writes an ssh_config file and returns its path.
func writeConfig(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIsSSH(t *testing.T) {
	for name, want := range map[string]bool{
		"ssh": true, "/usr/bin/ssh": true, "slogin": true, "./ssh.exe": true,
		"": false, "sshd": false, "/usr/bin/ssh/": true, "ssh: /home/bob/.ssh/ctl [mux]": false, "-ssh": false,
	} {
		if got := isSSH([]string{name, "web.clever"}); got != want {
			t.Errorf("isSSH of %q is %t", name, got)
		}
	}
	if isSSH(nil) {
		t.Error("isSSH of no arguments is true")
	}
}

func TestIsShell(t *testing.T) {
	for _, test := range []struct {
		args []string
		want bool
	}{
		{[]string{"sh", "-c", "exec x"}, true},
		{[]string{"/usr/bin/fish", "-lc", "x", "y"}, true},
		{[]string{`C:\Windows\System32\cmd.exe`, "/c", "x"}, true},
		{[]string{`cmd`, "/C", "x y"}, true},
		{nil, false},
		{[]string{"sh"}, false},
		{[]string{"sh", "-c"}, false},
		{[]string{"sh", "script", "-c"}, false},
		{[]string{"bash", "-i", "-c"}, false},
		{[]string{"tool", "--static", "x"}, false},
		{[]string{"tool", "-3c", "x"}, false},
	} {
		if got := isShell(test.args); got != test.want {
			t.Errorf("isShell of %q is %t", test.args, got)
		}
	}
}
