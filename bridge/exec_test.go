//go:build unix

package bridge

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
)

// ssh does the same through the bridge as with a plain server.
func TestSSHCommand(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		for _, row := range []struct {
			name, command, stdin string
			want                 result
		}{
			{"text", `printf '%s|' "a  b" '$HOME' "$((1+1))"; printf x | wc -c >&2`, "", result{"a  b|$HOME|2|", "1\n", 0}},
			{"lines", "echo 1\n\necho '2\n3'\n# '\n", "", result{"1\n2\n3\n", "", 0}},
			{"bytes", "printf '%s' '\x01\x7f\xff\xc3\xa9\t\r!%d\\n'", "", result{"\x01\x7f\xff\xc3\xa9\t\r!%d\\n", "", 0}},
			{"stdin", "read x; echo \"<$x>\"; exec cat", "first\nrest\x00\xff", result{"<first>\nrest\x00\xff", "", 0}},
			{"no stdin", "cat; echo end", "", result{"end\n", "", 0}},
			{"stdin is not read", "exit 3", strings.Repeat("x", 1<<20), result{"", "", 3}},
			{"status", "exit 254", "", result{"", "", 254}},
			{"like ssh's own status", "exit 255", "", result{"", "", 255}},
			{"like a signal's status", "exit 143", "", result{"", "", 143}},
			{"signal", "kill -KILL $$", "", result{"", "", 255}},
			{"signal to what it runs", "sh -c 'kill -TERM $$'", "", result{"", "", 255}},
			{"syntax error", "if", "", result{"", "bash: -c: line 2: syntax error: unexpected end of file\n", 2}},
			{"not found", "no-such-command", "", result{"", "bash: line 1: no-such-command: command not found\n", 127}},
			{"shell", "echo $0 $-; shopt -q login_shell", "", result{"bash hBc\n", "", 1}},
			{"descriptors", "ls -l /proc/self/fd/7 2>/dev/null", "", result{"", "", 2}},
		} {
			cmd := w.command("ssh", "web", row.command)
			cmd.Stdin = strings.NewReader(row.stdin)
			if got := run(t, cmd); got != row.want {
				t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
			}
		}
	})
}

func TestSSHBulk(t *testing.T) {
	t.Parallel()
	data := make([]byte, 5<<20) // more than all windows and pipes on the way can hold
	rand.Read(data)
	eachGateway(t, func(t *testing.T, w *world) {
		cmd := w.command("ssh", "web", "tee /dev/stderr")
		cmd.Stdin = bytes.NewReader(data)
		got := run(t, cmd)
		if got.stdout != string(data) || got.stderr != string(data) || got.status != 0 {
			t.Errorf("%d and %d bytes of %d came back, exit status %d", len(got.stdout), len(got.stderr), len(data), got.status)
		}
	})
}

// ssh's ways not to read stdin, and not to stay.
func TestSSHWithoutStdin(t *testing.T) {
	t.Parallel()
	eachGateway(t, func(t *testing.T, w *world) {
		for _, args := range [][]string{{"-n", "web"}, {"-f", "-n", "web"}, {"-n", "-T", "web"}} {
			cmd := w.command("ssh", append(args, "cat; echo end")...)
			cmd.Stdin = strings.NewReader("not for the command")
			if got := run(t, cmd); got != (result{"end\n", "", 0}) {
				t.Errorf("%v: %+v", args, got)
			}
		}
	})
}
