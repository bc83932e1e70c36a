//go:build unix

package openssh

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/test"
)

// layoutHere returns a layout whose user file exists and is not the account's standard one.
func layoutHere(t *testing.T) sshconfig.Layout {
	t.Helper()
	l := sshconfig.Layout{UserFile: filepath.Join(t.TempDir(), "config")}
	writeFile(t, l.UserFile, "", 0o600)
	return l
}

func TestOptionsAsked(t *testing.T) {
	s := SSH(fakeProgram(t, "ssh", `echo "asked $*"; printf 'user me\r\n'; echo debug1: x >&2`))
	l := layoutHere(t)
	for _, c := range []struct {
		layout sshconfig.Layout
		want   string
	}{
		{l, "asked -F " + l.UserFile + " -vvv -o CanonicalizeHostname=no -G web.clever\nuser me\n"},
		{sshconfig.Layout{UserFile: l.UserFile, Standard: true}, "asked -vvv -o CanonicalizeHostname=no -G web.clever\nuser me\n"},
	} {
		options, log, err := s.Readings(context.Background(), c.layout, "web.clever", "-vvv")
		if options != c.want || log != "debug1: x\n" || err != nil {
			t.Errorf("%q, %q, %v", options, log, err)
		}
	}
}

func TestReadingFails(t *testing.T) {
	l := layoutHere(t)
	if err := os.Chmod(l.UserFile, 0o666); err != nil {
		t.Fatal(err)
	}
	badMode := "Bad owner or permissions on " + l.UserFile
	for _, c := range []struct {
		script, want string
		hints        bool
	}{
		{"printf 'OpenSSH_9.9p1\\ndebug1: reading\\nconfig line 3: Bad option\\r\\nterminating\\n' >&2; exit 255",
			"ssh refuses its configuration: config line 3: Bad option; terminating", false},
		{"echo '" + badMode + "' >&2; exit 255", "ssh refuses its configuration: " + badMode, true},
		{"exit 3", "ssh refuses its configuration: exit status 3", false},
	} {
		options, err := SSH(fakeProgram(t, "ssh", "echo user me; "+c.script)).Options(context.Background(), l, "web.clever")
		refused := new(RefusedError)
		if !errors.As(err, &refused) || err.Error() != c.want || (len(refused.Hints) > 0) != c.hints || options != "" {
			t.Errorf("%s: %q, %v, hints %q", c.script, options, err, refused.Hints)
		}
	}
	_, err := SSH(filepath.Join(t.TempDir(), "ssh")).Options(context.Background(), l, "web.clever")
	if refused := new(RefusedError); err == nil || errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "ssh cannot be run: ") {
		t.Errorf("an ssh that is not there: %v", err)
	}
}

// An ssh that hangs is abandoned when time is up, and the error says what may take so long.
func TestReadingHangs(t *testing.T) {
	s := SSH(fakeProgram(t, "ssh", "exec sleep 60"))
	ctx, cancel := boundReading(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Options(ctx, layoutHere(t), "web.clever")
	if err == nil || !strings.HasPrefix(err.Error(), "ssh did not finish reading its configuration within 50ms: ") {
		t.Errorf("%v", err)
	}
	if refused := new(RefusedError); errors.As(err, &refused) {
		t.Error("an ssh that hangs refuses nothing")
	}
}

// A program that a Match exec leaves running keeps ssh's pipes open. What ssh printed still counts.
func TestLeftBehind(t *testing.T) {
	test.Slow(t)
	s := SSH(fakeProgram(t, "ssh", "sleep 60 & echo user me; echo $! >\"$0.pid\""))
	t.Cleanup(func() {
		if text, err := os.ReadFile(string(s) + ".pid"); err == nil {
			killProcess(t, strings.TrimSpace(string(text)))
		}
	})
	if options, err := s.Options(context.Background(), layoutHere(t), "web.clever"); options != "user me\n" || err != nil {
		t.Errorf("%q, %v", options, err)
	}
}

func TestProbe(t *testing.T) {
	const target = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	toWeb, toMenu := Probe{Alias: "web.clever", Target: target, HostKeyAlias: "gateway"}, Probe{Alias: "clever", HostKeyAlias: "gateway"}
	const entries = "hostkeyalias gateway\n"
	for _, c := range []struct {
		title  string
		probe  Probe
		prints string // for the alias
		want   Outcome
	}{
		{"an alias of a target", toWeb, entries + "remotecommand " + target + "\n", EntriesWork},
		{"a menu", toMenu, entries + "remotecommand none\n", EntriesWork},
		{"no entries", toWeb, "user me\n", EntriesNotFound},
		{"another's entries", toWeb, "hostkeyalias other\nremotecommand " + target + "\n", EntriesNotFound},
		{"no target", toWeb, entries, TargetNotFound},
		{"another target", toWeb, entries + "remotecommand app_other\n", TargetNotFound},
	} {
		s := SSH(fakeProgram(t, "ssh", `case "$*" in *" -G `+ForeignHost+`") ;; *" -G `+c.probe.Alias+`") printf '`+c.prints+`';; *) exit 1;; esac`))
		outcome, options, err := s.Probe(context.Background(), layoutHere(t), c.probe)
		if outcome != c.want || options != c.prints || err != nil {
			t.Errorf("%s: %d, want %d; %q, %v", c.title, outcome, c.want, options, err)
		}
	}
}

// If there is nothing to ask, there is no error. An ssh that refuses its configuration is an error,
// whether it refuses it for our host or for any host.
func TestProbeNotAsked(t *testing.T) {
	l, p := layoutHere(t), Probe{Alias: "clever", HostKeyAlias: "gateway"}
	absent := sshconfig.Layout{UserFile: filepath.Join(t.TempDir(), "config")}
	for _, c := range []struct {
		title   string
		ssh     SSH
		layout  sshconfig.Layout
		refused bool
	}{
		{"no ssh", "", l, false},
		{"no configuration", SSH(fakeProgram(t, "ssh", "exit 1")), absent, false},
		{"refused for any host", SSH(fakeProgram(t, "ssh", "exit 1")), l, true},
		{"refused for ours", SSH(fakeProgram(t, "ssh", `case "$*" in *clever) exit 1;; esac`)), l, true},
	} {
		outcome, options, err := c.ssh.Probe(context.Background(), c.layout, p)
		if refused := new(RefusedError); outcome != NotAsked || options != "" || errors.As(err, &refused) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s: %d, %q, %v", c.title, outcome, options, err)
		}
	}
}
