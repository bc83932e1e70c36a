package sshconfig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// This machine's ssh reports how it read its configuration, and Setting finds the line that set each value that ssh
// prints.
func TestReading(t *testing.T) {
	ssh := test.Need(t, "ssh")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", filepath.ToSlash(dir))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("first", "Host nobody\n    Port 1\nHost *.clever\n    TCPKeepAlive no\n")
	write("second", "Host *.clever\n    Port 2\n    TCPKeepAlive yes\n    ServerAliveInterval=7\n")
	write("elsewhere", "Port 3\nUser elsewhere\n")
	config := write("config", `# User comment
Host nobody
    User nobody
    Include DIR/elsewhere
Match host nobody
    User nobody
Match originalhost "*.clever" exec "exit 1"
    User nobody
Host *
    Include DIR/first DIR/second
Host *.clever !web.clever
    User nobody
Match all
    User me
Match host web.clever
    ConnectTimeout 9
Host web.clever
    Port 5
    ChallengeResponseAuthentication no
Match final
    LogLevel DEBUG
`)
	var log strings.Builder
	cmd := exec.Command(ssh, "-vvv", "-F", config, "-G", "web.clever")
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	r := ParseReading(log.String())
	for _, c := range []struct {
		keyword, value, file string
		line                 int
	}{
		{"port", "2", "second", 2},
		{"tcpkeepalive", "no", "first", 4},
		{"serveraliveinterval", "7", "second", 4},
		{"user", "me", "config", 14},
		{"connecttimeout", "9", "config", 16},
		// OpenSSH 8.0 did not print it under this name.
		{"kbdinteractiveauthentication", "", "config", 19},
		{"stricthostkeychecking", "ask", "", 0},
	} {
		if c.value != "" && !strings.Contains("\n"+string(out), "\n"+c.keyword+" "+c.value+"\n") {
			t.Errorf("%s is not %s:\n%s", c.keyword, c.value, out)
		}
		want := Place{}
		if c.file != "" {
			want = Place{filepath.Join(dir, c.file), c.line}
		}
		if got, ok := r.Setting(c.keyword, os.ReadFile); got != want || ok != (c.file != "") {
			t.Errorf("%s: %v, %v, want %v\n%s", c.keyword, got, ok, want, log.String())
		}
	}
	for word, want := range map[string]bool{"all": false, "host web.clever": true, "exec": false, "Host *": true} {
		if got := r.Applied(config, word, os.ReadFile); got != want {
			t.Errorf("the block of %q applied: %v, want %v", word, got, want)
		}
	}
}

func FuzzParseReading(f *testing.F) {
	f.Add("debug1: Reading configuration data a\ndebug3: a line 1: Including file a depth 0\ndebug1: Reading configuration data a\n", "Include a\nPort 1\n")
	f.Add("debug1: Reading configuration data a\ndebug1: a line 1: Applying options for *\n", "Host *\n Port 1\n")
	f.Add("debug1: Reading configuration data a\ndebug2: checking match for 'all'\ndebug2: match found\n", "Match all\nPort=1\n")
	f.Fuzz(func(t *testing.T, log, text string) {
		reads := 0
		p, ok := ParseReading(log).Setting("port", func(string) ([]byte, error) {
			if reads++; reads > 1000 {
				return nil, os.ErrDeadlineExceeded
			}
			return []byte(text), nil
		})
		if ok && (p.Line < 1 || p.Line > strings.Count(text, "\n")+1) {
			t.Errorf("found in line %d of %q", p.Line, text)
		}
	})
}
