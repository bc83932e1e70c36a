//go:build unix

package bridge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"clever-ssh/internal/test"
)

// changing returns a shell's command for a pipe that changes the data as it passes. Perl's $_ holds the data.
func changing(how string) string {
	return fmt.Sprintf(`perl -e 'while (sysread(STDIN, $_, 65536)) { %s; syswrite(STDOUT, $_); }'`, how)
}

// If the way to the instance is no plain pipe, that is found out before the command runs, or, if it echoes its
// input, as soon as the command has printed something.
func TestWayFaults(t *testing.T) {
	t.Parallel()
	test.Need(t, "perl", "script")
	const strip, feed, unfeed, crToLF = `tr/\x80-\xff/\x00-\x7f/`, `s/\n/\r\n/g`, `s/\r\n/\n/g`, `tr/\r/\n/`
	for _, row := range []struct {
		name, script string
		fault        Fault
	}{
		{"seven bits to the instance", changing(strip) + " | bash", ChangingInput},
		{"line ends to the instance become two characters", changing(feed) + " | bash", ChangingInput},
		{"line ends to the instance become one character", changing(unfeed) + " | bash", ChangingInput},
		{"carriage returns to the instance become line feeds", changing(crToLF) + " | bash", ChangingInput},
		{"what controls a terminal does not get to the instance", changing(`tr/\x11\x13//d`) + " | bash", ChangingInput},
		{"seven bits from the instance", "bash | " + changing(strip), ChangingOutput},
		{"line ends from the instance become two characters", "bash | " + changing(feed), ChangingOutput},
		{"line ends from the instance become one character", "bash | " + changing(unfeed), ChangingOutput},
		{"carriage returns from the instance become line feeds", "bash | " + changing(crToLF), ChangingOutput},
		{"zeros from the instance are lost", "bash | " + changing(`tr/\0//d`), ChangingOutput},
		{"the instance's stderr in seven bits", "exec 3>&1; { bash 2>&1 >&3 | " + changing(strip) + " >&2; }", ChangingOutput},
		{"an echo", "exec 3>&1; perl -e '$| = 1; open(E, q(>&=3)); while (sysread(STDIN, $_, 65536)) { syswrite(E, $_); syswrite(STDOUT, $_) }' | bash", Echoing},
		{"one stream", "bash 2>&1", Merging},
		{"a terminal", "exec script -qec 'bash --norc --noprofile' /dev/null", HiddenTerminal},
		{"a terminal whose shell has no line editor", "exec script -qec dash /dev/null", HiddenTerminal},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, home := instanceShell(t, row.script+"; exit\n")
			got, err := runCommand(t, o, "echo ran > ran; cat; echo \xff", "a\r\nb\xff\n")
			if !isFault(row.fault)(err) || got.status != StatusFailed || got.stderr != "" || got.stdout != "" {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := os.Stat(home + "/ran"); err == nil && row.fault != Echoing {
				t.Error("the command ran")
			}
			if row.fault == Echoing {
				return
			}
			// The list is not trusted either.
			if _, err := newBridge(o).starter.opener.list(t.Context()); !isFault(row.fault)(err) && row.fault != Merging && !strings.Contains(row.name, "stderr") && row.fault != ChangingInput {
				t.Errorf("the list: %v", err)
			}
		})
	}
}

// A long line is cut off by a terminal, and no marker ever comes.
func TestLongLineOnHiddenTerminal(t *testing.T) {
	t.Parallel()
	test.Need(t, "script")
	o, _ := instanceShell(t, "exec script -qec dash /dev/null\n")
	if got, err := runCommand(t, o, "echo "+strings.Repeat("long ", 2000), ""); !isFault(Echoing)(err) {
		t.Errorf("%+v, %v", got, err)
	}
}

// A shell that shows each command on stdout before it runs it, as some do to set their window's title, is not
// an echo.
func TestShownCommandIsNoEcho(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, `cat >.rc <<'EOF'
unset BASH_ENV
trap 'echo "$BASH_COMMAND"' DEBUG
EOF
BASH_ENV=.rc exec bash
`)
	if got, err := runCommand(t, o, "cat", "data"); got != (result{"data", "", 0}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// The first bytes of a command reach its client, whatever they are and however they are split.
func FuzzOpening(f *testing.F) {
	s := newScript("", nil)
	for what, begins := range [][]byte{1: s.echo(), 2: s.refusal()} {
		for taken := max(0, len(begins)-1); taken <= len(begins); taken++ { // all but the last byte, and all
			f.Add(uint8(taken), []byte{}, uint8(what))
			f.Add(uint8(taken), []byte("\r\n\x00\xff"), uint8(what))
		}
	}
	f.Fuzz(func(t *testing.T, taken uint8, after []byte, what uint8) {
		var begins []byte
		switch what % 3 {
		case 1:
			begins = s.echo()
		case 2:
			begins = s.refusal()
		}
		whole := int(taken) >= len(begins) && len(begins) > 0
		data := append(bytes.Clone(begins[:min(int(taken), len(begins))]), after...)
		if !whole && len(begins) > 0 && len(after) > 0 && after[0] == begins[min(int(taken), len(begins)-1)] {
			t.Skip("a guess")
		}
		for _, in := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
			var spoiled error
			got, err := io.ReadAll(&opening{in: in, echo: s.echo(), refusal: s.refusal(), spoiled: func(err error) { spoiled = err }})
			if whole {
				if spoiled == nil || err != spoiled || len(got) != 0 {
					t.Errorf("%q, %v, %v", got, err, spoiled)
				}
			} else if !bytes.Equal(got, data) || err != nil || spoiled != nil {
				t.Errorf("%q, want %q, %v, %v", got, data, err, spoiled)
			}
		}
	})
}

// If sessions without a terminal do not work, one with a terminal carries the outpost, and the outpost carries
// everything.
func TestWayAround(t *testing.T) {
	t.Parallel()
	test.Need(t, "perl", "script")
	all := make([]byte, 0, 1<<16)
	for i := range cap(all) {
		all = append(all, byte(i), byte(i>>8))
	}
	for _, row := range []struct {
		name, script string
		long         bool
	}{
		{"refused", "echo 'A terminal is required' >&2; exit 1", false},
		{"seven bits", "bash | " + changing(`tr/\x80-\xff/\x00-\x7f/`) + "; exit", false},
		{"line ends to the instance", changing(`s/\r\n/\n/g`) + " | bash; exit", false},
		{"one stream", "bash 2>&1; exit", false},
		{"a terminal that nobody asked for", "exec script -qec bash /dev/null", false},
		{"a shell that waits for the end of its input", "cat | bash; exit", true},
		{"silence", "exec cat >/dev/null", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.long {
				test.Long(t)
			}
			t.Parallel()
			o, _, _ := instanceWithOutpost(t, "case $1 in -tt) exec script -qec 'bash --norc --noprofile' /dev/null;; *) "+row.script+";; esac\n")
			for range 2 {
				got, err := runCommand(t, o, "cat; echo err >&2; exit 5", string(all))
				if got != (result{string(all), "err\n", 5}) || err != nil {
					t.Errorf("%d bytes, %q, %d, %v", len(got.stdout), got.stderr, got.status, err)
				}
			}
		})
	}
}

// A shell that does not become /bin/sh says so at once.
func TestRestrictedShell(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash --restricted\n")
	if got, err := runCommand(t, o, "echo never", "echo neither\n"); !isFault(Restricted)(err) || got.stdout != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := runInTestTerminal(t, o, "echo never"); !isFault(Restricted)(err) {
		t.Errorf("in a terminal: %v", err)
	}
}

// A command whose end of input does not arrive is stopped; one that only takes its time is not.
func TestEndOfInput(t *testing.T) {
	test.Long(t)
	t.Parallel()
	o, _ := instanceShell(t, changing("")+" | bash; exit\n")
	if got, err := runCommand(t, o, "sleep 8; cat; echo done", "data\n"); got != (result{"data\ndone\n", "", 0}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	o, _ = instanceShell(t, "{ cat; sleep 1000; } | bash; exit\n")
	if got, err := runCommand(t, o, "cat", "data\n"); !isFault(KeepingOpen)(err) || got.status != StatusFailed {
		t.Errorf("%+v, %v", got, err)
	}
}

// A person who wants to wait longer gives ssh a ConnectTimeout.
func TestPatience(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "echo Welcome; sleep 2; exec bash\n")
	o.StartTimeout = time.Second
	if _, err := runCommand(t, o, "echo late", ""); !isSilent(true, "Welcome")(err) {
		t.Errorf("%v", err)
	}
	o.Patience = func(context.Context) time.Duration { return test.Patience }
	if got, err := runCommand(t, o, "echo late", ""); got != (result{"late\n", "", 0}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// The same with OpenSSH.
func TestWayAroundSSHD(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.MkdirAll(w.path("instance/.cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	startSSHDWith(t, w, fmt.Sprintf("#!/bin/sh\n[ -t 0 ] || { echo 'A terminal is required' >&2; exit 1; }\nexport HOME=%s\ncd\nexec bash --noprofile --norc -i\n", w.path("instance")), w.shareMaster()...)
	o, _ := withLine(t, testOptions(w.inner))
	data := strings.Repeat("0123456789abcde\x00\x03\x04\xff\r\n", 1<<20)
	got, err := runCommand(t, o, "cat; echo err >&2; exit 5", data)
	if got != (result{data, "err\n", 5}) || err != nil {
		t.Errorf("%d bytes of %d, %q, %d, %v", len(got.stdout), len(data), got.stderr, got.status, err)
	}
}
