//go:build linux

package outpost

import (
	"fmt"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

func TestCommands(t *testing.T) {
	for _, test := range []struct {
		name    string
		exec    wire.Exec
		stdin   string
		outcome outcome
		exit    wire.Exit
	}{
		{name: "output", exec: wire.Exec{Command: "echo a; echo b >&2"}, outcome: outcome{stdout: "a\n", stderr: "b\n"}},
		{name: "input", exec: wire.Exec{Command: "cat"}, stdin: "text", outcome: outcome{stdout: "text"}},
		{name: "status", exec: wire.Exec{Command: "exit 7"}, exit: wire.Exit{Status: 7}},
		{name: "no such command", exec: wire.Exec{Command: "exec /does/not/exist 2>/dev/null"}, exit: wire.Exit{Status: 127}},
		{name: "hyphen", exec: wire.Exec{Command: "-x 2>/dev/null; echo $0 $LINENO"}, outcome: outcome{stdout: "bash 1\n"}},
		{name: "TERM", exec: wire.Exec{Command: "kill -TERM $$"}, exit: wire.Exit{Signal: "TERM"}},
		{name: "KILL", exec: wire.Exec{Command: "kill -KILL $$"}, exit: wire.Exit{Signal: "KILL"}},
		{name: "USR1", exec: wire.Exec{Command: "kill -USR1 $$"}, exit: wire.Exit{Signal: "USR1"}},
		{name: "a signal of Linux", exec: wire.Exec{Command: "kill -STKFLT $$"}, exit: wire.Exit{Signal: "SIG@openssh.com"}},
		{name: "a broken pipe", exec: wire.Exec{Command: "yes | head -1; echo ${PIPESTATUS[0]}"}, outcome: outcome{stdout: "y\n141\n"}},
		{name: "signals are as they were", exec: wire.Exec{Command: "grep SigIgn /proc/self/status"},
			outcome: outcome{stdout: "SigIgn:\t0000000000000000\n"}},
		{name: "environment", exec: wire.Exec{Command: `printf %s "$A-$B"`, Environment: []string{"A=one\ntwo\n", "B=", "A=x\n"}},
			outcome: outcome{stdout: "x\n-"}},
		{name: "a shell", exec: wire.Exec{}, stdin: "echo $((1+2)); exit 3", outcome: outcome{stdout: "3\n"}, exit: wire.Exit{Status: 3}},
		{name: "descriptors", exec: wire.Exec{Command: "ls /proc/self/fd | grep -c ."}, outcome: outcome{stdout: "4\n"}},
		{name: "a session of its own", exec: wire.Exec{Command: `set -- $(cat /proc/$$/stat); [ $5 = $$ ] && [ $6 = $$ ]`}},
	} {
		for _, login := range []bool{false, true} {
			name := test.name
			if login {
				name += " after login files"
			}
			t.Run(name, func(t *testing.T) {
				t.Setenv("HOME", t.TempDir())
				c := start(t, Options{})
				test.exec.Login = login
				f := c.exec(test.exec)
				f.Write([]byte(test.stdin))
				f.eof()
				f.begun()
				o := f.rest()
				if o.exit == nil || *o.exit != test.exit {
					t.Errorf("the exit is %+v, not %+v", o.exit, test.exit)
				}
				o.exit = nil
				if o != test.outcome {
					t.Errorf("%+v, not %+v", o, test.outcome)
				}
			})
		}
	}
}

func TestLoginFiles(t *testing.T) {
	const note = loginFilesNote
	for _, test := range []struct {
		name, profile, stdout, notes string
	}{
		{"that set something", "A=1; export A; set -- x y", "[1][input]", ""},
		{"that print", "echo noise; echo noise >&2; A=1; export A", "[1][input]", ""},
		{"that read", "cat >/dev/null; read x; A=1; export A", "[1][input]", ""},
		{"that exit", "exit 0", "[][input]", note},
		{"that exec", "exec sh", "[][input]", note},
		{"that leave something behind", "sleep 1000 & echo $! >$HOME/pid; A=1; export A", "[1][input]", ""},
		{"that leave something behind and exit", "sleep 1000 & echo $! >$HOME/pid; exit", "[][input]", note},
		{"that change the descriptors", "exec 3>&1 4>&1 5>&1 8>&1 9>&1 >/dev/null 2>&1; A=1; export A", "[1][input]", ""},
		{"that do not overwrite", "set -C; set -u; A=1; export A", "[1][input]", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("A", "")
			write(t, home+"/.profile", test.profile+"\n")
			t.Cleanup(func() { killNoted(home + "/pid") })
			c := start(t, Options{})
			f := c.exec(wire.Exec{Login: true, Command: `printf "[%s][%s]" "$A" "$(cat)"`})
			f.Write([]byte("input"))
			f.eof()
			f.begun()
			o := f.rest()
			if o.stdout != test.stdout || o.stderr != "" || o.notes != test.notes || o.exit == nil || *o.exit != (wire.Exit{}) {
				t.Errorf("%+v %+v", o, o.exit)
			}
		})
	}
}

// A command that does not read its stdin still gets signals.
func TestSignalPassesData(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	f := c.exec(wire.Exec{Command: "echo ready; sleep 1000"})
	f.begun()
	f.until("ready\n")
	go f.Write(make([]byte, 8<<20))
	f.send(wire.TypeSignal, []byte("NOSUCH"))
	f.send(wire.TypeSignal, []byte("USR2"))
	if o := f.rest(); o.exit == nil || o.exit.Signal != "USR2" {
		t.Errorf("%+v", o.exit)
	}
}

// A signal that comes before the command has a process waits for it.
func TestSignalAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	for range 20 {
		f := c.exec(wire.Exec{Command: "sleep 1000"})
		f.send(wire.TypeSignal, []byte("TERM"))
		f.begun()
		if o := f.rest(); o.exit == nil || o.exit.Signal != "TERM" {
			t.Fatalf("%+v", o.exit)
		}
	}
}

// Once its client has gone, a command whose login files are still read must not begin without them.
func TestClientGoesDuringLoginFiles(t *testing.T) {
	t.Parallel()
	c := &command{stream: &stream{ended: make(chan struct{})}}
	if c.wasEnded() {
		t.Error("it has ended already")
	}
	close(c.stream.ended) // what ends the stream, before it hangs up the command
	if !c.wasEnded() {
		t.Error("the command would begin")
	}
}

// Output is read to the end, whatever holds it open.
func TestBackground(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	f := c.exec(wire.Exec{Command: "(read x; echo late $x) <&0 & exit 5"})
	f.begun()
	f.Write([]byte("text\n"))
	if o := f.rest(); o.stdout != "late text\n" || o.exit == nil || o.exit.Status != 5 {
		t.Errorf("%+v %+v", o, o.exit)
	}
}

func TestUnfitCommands(t *testing.T) {
	c := start(t, Options{})
	for _, test := range []struct {
		exec wire.Exec
		why  string
	}{
		{wire.Exec{Command: "a\x00b"}, "NUL"},
		{wire.Exec{Command: strings.Repeat("x", 140<<10)}, "argument list too long"},
		{wire.Exec{Command: "true", Environment: []string{"=x"}}, "malformed"},
		{wire.Exec{Command: "true", Environment: []string{"A=\x00"}}, "malformed"},
	} {
		if why := c.exec(test.exec).failed(); !strings.Contains(why, test.why) {
			t.Errorf("%q, not %q", why, test.why)
		}
	}
}

// A client that goes hangs up its command, and the end of the line all of them.
func TestHangUp(t *testing.T) {
	// bash writes to stderr that the hang-up ended sleep, and nobody reads that any more: this must not end
	// bash.
	const command = `exec 2>/dev/null; trap 'echo >"$HOME"/gone; exit' HUP; echo ready; while :; do sleep 0.05; done`
	for _, whole := range []bool{false, true} {
		for _, exec := range []wire.Exec{
			{Command: command},
			{Command: command, Terminal: &wire.Terminal{}},
		} {
			home := t.TempDir()
			t.Setenv("HOME", home)
			c := start(t, Options{})
			f := c.exec(exec)
			f.begun()
			for all := ""; !strings.Contains(all, "ready"); {
				_, payload := f.next()
				all += string(payload)
			}
			if whole {
				c.close()
			} else {
				f.stream.Close()
			}
			test.Eventually(t, fmt.Sprintf("the hang-up, of all: %v, on a terminal: %v", whole, exec.Terminal != nil), func() bool { return exists(home + "/gone") })
		}
	}
}
