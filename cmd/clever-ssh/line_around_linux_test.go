package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// otherInstance is an instance of OpenSSH's sshd, whose sessions without a terminal begin with a script.
func otherInstance(t *testing.T, h *home, withoutTerminal string) {
	t.Helper()
	instance := filepath.Join(h.dir, "instance")
	must(t, os.MkdirAll(filepath.Join(instance, ".cache"), 0o700))
	s := startSSHDWith(t, h, fmt.Sprintf(`#!/bin/sh
echo "Opening an ssh shell"
export HOME=%s
cd
[ -t 0 ] || { %s; }
exec bash --noprofile --norc -i
`, instance, withoutTerminal))
	args := []string{"setup", "--gateway", s.address}
	for _, pin := range s.pins {
		args = append(args, "--pin", pin)
	}
	runs(t, h.command("clever-ssh", append(args, "web="+appWeb)...))
}

// A gateway that wants a terminal for everything gets one. Commands, files and tunnels work all the same.
func TestLineAround(t *testing.T) {
	t.Parallel()
	needOutposts(t)
	h := homeIn(t, test.SocketFolder(t))
	otherInstance(t, h, "echo 'PTY allocation is required.' >&2; exit 1")
	for range 2 {
		cmd := h.command("ssh", "web.clever", "cat; echo err >&2; exit 4")
		cmd.Stdin = strings.NewReader("a\x00\x03\x04\xff\r\nb")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		if stdout.String() != "a\x00\x03\x04\xff\r\nb" || stderr.String() != "err\n" || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%q, %q, %v", stdout.String(), stderr.String(), cmd.ProcessState)
		}
	}
	runs(t, h.command("scp", "-S", "ssh", "-q", h.path("config"), "web.clever:copy"))
	sameFiles(t, h.path("config"), filepath.Join(h.dir, "instance/copy"))
}

// Without the outpost, any fault in the way to an instance is reported before a command runs, with an
// alternative that works.
func TestOtherSessions(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	const terminal = "\nhint: a session with a terminal still works: ssh web.clever, or ssh -t web.clever COMMAND\n"
	for _, c := range []struct{ name, session, want string }{
		{"refused", "echo 'PTY allocation is required.' >&2; exit 1", "gateway: PTY allocation is required.\n" +
			"clever-ssh: the gateway let ssh in, but the connection ended before the command began (ssh: exit status 1)\n" +
			"hint: if the gateway wants a terminal: ssh -t web.clever COMMAND\n"},
		{"one stream", "exec bash 2>&1", "clever-ssh: the connection to the instance mixes stdout and stderr; the command did not run" + terminal},
		{"seven bits", `bash | perl -e '$| = 1; while (sysread(STDIN, $_, 65536)) { tr/\x80-\xff/\x00-\x7f/; print }'; exit`,
			"clever-ssh: the connection to the instance changes the bytes that it carries back; the command did not run" + terminal},
		{"a restricted shell", "exec bash --restricted", "clever-ssh: the login shell on the instance does not start /bin/sh; the command did not run\n" +
			"hint: an interactive session still works: ssh web.clever\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			otherInstance(t, h, c.session)
			cmd := h.command("ssh", "web.clever", "echo never")
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.Run()
			if stdout.String() != "" || !strings.Contains(stderr.String(), c.want) || cmd.ProcessState.ExitCode() != 255 {
				t.Errorf("%q, %v\n%s", stdout.String(), cmd.ProcessState, stderr.String())
			}
		})
	}
}
