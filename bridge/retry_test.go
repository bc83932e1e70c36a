//go:build unix

package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What has not begun for a fault of the network is tried again, twice. Nothing else is, and nothing runs twice.
func TestNetworkFaultIsTriedAgain(t *testing.T) {
	const hello = `read -r line; set -- $(printf '%s' "$line" | grep -oE '[0-9a-f]{16} [0-9a-f]{16}' | tr -d ' '); printf '%s:0;' $1; `
	for _, test := range []struct {
		name, fault string // what happens instead of a session
		faults      int    // how often
		tries       int
		tty         bool
	}{
		{"MaxStartups", "echo 'kex_exchange_identification: Connection closed by remote host' >&2; printf 'Connection closed by 203.0.113.30 port 28925\\r\\n' >&2; exit 255", 2, 3, false},
		{"three times", "echo 'kex_exchange_identification: read: Connection reset by peer' >&2; exit 255", 3, 3, false},
		{"refused", "echo 'Opening an ssh shell'; echo 'ssh: connect to host 203.0.113.30 port 28925: Connection refused' >&2; exit 255", 1, 2, false},
		{"cut", "echo 'Connection to 203.0.113.30 closed by remote host.' >&2; exit 255", 1, 2, false},
		{"in a terminal", "echo 'ssh: connect to host 203.0.113.30 port 28925: Connection timed out'; exit 255", 2, 3, true},
		{"Permission denied", "echo 'bas@203.0.113.30: Permission denied (publickey).' >&2; exit 255", 1, 1, false},
		{"Permission denied, then closed", "echo 'Permission denied, please try again.' >&2; echo 'Connection closed by 203.0.113.30 port 28925' >&2; exit 255", 1, 1, false},
		{"the gateway refuses", "echo \"Error: This application has no instances you can ssh to\" >&2; exit 1", 1, 1, false},
		{"the gateway asks", "printf '1) A (11281f38-31ff-43a7-8595-a2d82630c32b)\\nYour choice: '; read x; echo 'Connection closed by 203.0.113.30 port 28925' >&2; exit 255", 1, 1, false},
		{"no words", "exit 255", 1, 1, false},
		{"words about something else", "echo 'Connection refused' >&2; exit 255", 1, 1, false},
		{"after the hello marker", hello + "echo 'Connection closed by 203.0.113.30 port 28925' >&2; exit 255", 9, 2, false}, // the second without login files
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, home := instanceShell(t, "echo x >>tries\nif [ $(wc -l <tries) -le "+string(rune('0'+test.faults))+" ]; then "+test.fault+"; fi\nexec bash --noprofile --norc\n")
			const command = "echo x >>$HOME/ran; echo done"
			starter, script := newStarter(o.withDefaults()), newScript(command, nil)
			var r *running
			var err error
			if test.tty {
				r, err = starter.beginInTerminal(t.Context(), script, testTerminal())
			} else {
				r, err = starter.begin(t.Context(), script)
			}
			if err == nil {
				if out, _ := io.ReadAll(r.stdout); strings.TrimSpace(string(out)) != "done" {
					t.Errorf("%q", out)
				}
				r.inner.end()
			}
			begins := test.faults < test.tries
			if (err == nil) != begins {
				t.Errorf("%v", err)
			}
			want := ""
			if begins {
				want = "x\n"
			}
			if ran, _ := os.ReadFile(filepath.Join(home, "ran")); string(ran) != want {
				t.Errorf("the command ran: %q", ran)
			}
			if got := strings.Count(readFile(t, filepath.Join(home, "tries")), "x"); got != test.tries {
				t.Errorf("%d tries", got)
			}
		})
	}
}

func testTerminal() *terminal {
	return &terminal{name: "vt220", size: windowSize{Columns: 80, Rows: 25}}
}

// A command in a terminal may run as soon as it was given the go-ahead. An ssh that ends then, before it has brought the last marker, has
// lost a connection: what runs is not begun again, whatever the login files may have done.
func TestGoAheadIsGivenOnce(t *testing.T) {
	need(t, "perl")
	const cut = `$| = 1; while (sysread(STDIN, $c, 1)) { print $c if $n < 2; $b .= $c; if ($b =~ /[0-9a-f]{32}:\d+;$/) { $n++; $b = "" } }`
	o, home := instanceShell(t, "bash --noprofile --norc | perl -e '"+cut+"'\nexit 255\n")
	starter := newStarter(o.withDefaults())
	if _, err := starter.beginInTerminal(t.Context(), newScript("echo x >>$HOME/ran", nil), testTerminal()); err != ErrLost {
		t.Errorf("%v", err)
	}
	if ran := readFile(t, filepath.Join(home, "ran")); ran != "x\n" {
		t.Errorf("the command ran: %q", ran)
	}
}

// An ssh that the gateway has not let in has not failed on the way to an instance, whatever came on its streams.
func TestLoginIsNotTriedAgain(t *testing.T) {
	o, home := instanceShell(t, "echo x >>tries\necho 'Connection closed by UNKNOWN port 65535' >&2\nexit 255\n")
	reason := errors.New("host key SHA256:x is not pinned")
	o.Ended = func(*exec.Cmd) End { return End{Err: reason} }
	if _, err := runCommand(t, o, "true", ""); !errors.Is(err, reason) {
		t.Errorf("%v", err)
	}
	if tries := readFile(t, filepath.Join(home, "tries")); tries != "x\n" {
		t.Errorf("%q", tries)
	}
}

// A client that goes while there is a pause is not tried for any more.
func TestTryingAgainEnds(t *testing.T) {
	o, _ := instanceShell(t, "echo 'Connection closed by 203.0.113.30 port 28925' >&2; exit 255\n")
	ctx, cancel := context.WithCancel(t.Context())
	var noise string
	o.Noise = func(text string) { noise = text }
	o.Warn = func(err error) {
		if text := err.Error(); text != "the connection ended before the command began (ssh: exit status 255); trying again" {
			t.Errorf("%q", text)
		}
		cancel()
	}
	if _, err := Run(ctx, o, "true", strings.NewReader(""), io.Discard, io.Discard); err != context.Canceled {
		t.Errorf("%v", err)
	}
	if noise != "Connection closed by 203.0.113.30 port 28925" {
		t.Errorf("%q", noise)
	}
}

// An ssh whose first connections are closed at once, as by a busy sshd, says what is looked for.
func TestBusySSHD(t *testing.T) {
	w := newWorld(t)
	startFake(t, w)
	port := regexp.MustCompile(`Port (\d+)`).FindStringSubmatch(readFile(t, w.path("inner_config")))[1]
	var connections atomic.Int32
	busy := listen(t, func(c *net.TCPConn) {
		switch connections.Add(1) {
		case 1:
			return
		case 2:
			c.SetLinger(0)
			return
		}
		gateway, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Error(err)
			return
		}
		defer gateway.Close()
		go io.Copy(gateway, c)
		io.Copy(c, gateway)
	})
	_, busyPort, _ := net.SplitHostPort(busy)
	o := testOptions([]string{"ssh", "-F", w.path("inner_config"), "-p", busyPort, "-o", "LogLevel=INFO", "inner"}) // as the gateway's
	got, err := runCommand(t, o, "echo x >>"+w.path("ran")+"; cat", "data")
	if got != (result{"data", "", 0}) || err != nil || connections.Load() != 3 {
		t.Errorf("%+v, %#v, %d connections", got, err, connections.Load())
	}
	if ran := readFile(t, w.path("ran")); ran != "x\n" {
		t.Errorf("the command ran: %q", ran)
	}
}

// Somebody who waits for a shell is told so, once, however many commands wait, and whatever the gateway says meanwhile.
func TestWaiting(t *testing.T) {
	o, home := instanceShell(t, "echo Opening an ssh shell\nwhile [ ! -e told ]; do sleep 0.1; done\nexec bash --noprofile --norc\n")
	told := 0
	o.Waiting = func() {
		if told++; told == 1 {
			os.WriteFile(filepath.Join(home, "told"), nil, 0o600)
		}
	}
	client := connectInProcess(t, o)
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			s, err := client.NewSession()
			if err == nil {
				err = s.Run("true")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// However the other side shows what it was sent, nobody is shown the script.
func TestScriptIsNotShown(t *testing.T) {
	ours := regexp.MustCompile(`printf|exec|stty|eval|bin/sh|profile|\\\\?[0-7]{3}|[0-9a-f]{16}`)
	instances := []struct{ name, script, shown string }{
		{"stdin comes back", "exec cat", ""},
		{"on both streams, behind words", "echo Welcome; exec tee /dev/stderr", "Welcome"},
		{"in a message", `IFS= read -r line; echo "Unknown choice: $line!"; printf 'Error: "%s"\r\n' "$line" >&2; exit 1`, "Unknown choice: …!\nError: \"…\""},
		{"in part", `echo; head -c 600; echo; echo Sorry; exit 1`, "Sorry"},
		{"quoted", `IFS= read -r line; printf '%s\n' "$line" | sed "s/[\\\\']/\\\\&/g"; exit 1`, ""},
		{"traced", `echo; exec sh -vn`, ""},
		{"in colours", `IFS= read -r line; printf '%s\n' "$line" | sed "s/[a-z]*/$(printf '\033')[32m&$(printf '\033')[0m/g"; exit 1`, ""},
		{"wrapped", `IFS= read -r line; printf '%s' "$line" | fold -w 79 | sed "s/\$/ $(printf '\r')/" | tr -d '\n'; exit 1`, ""},
	}
	for _, command := range []string{"echo never", "echo " + strings.Repeat("never say 'never'; ", 200)} {
		for _, test := range instances {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				o, _ := instanceShell(t, test.script+"\n")
				if !strings.HasSuffix(test.script, "exit 1") {
					o.StartTimeout = patience / 10
				}
				_, err := runCommand(t, o, command, "")
				noisy, ok := err.(interface{ noise() string })
				if !ok {
					t.Fatalf("%v", err)
				}
				if test.shown != "" && noisy.noise() != test.shown {
					t.Errorf("%q", noisy.noise())
				}
				if ours.MatchString(noisy.noise()) {
					t.Errorf("%q", noisy.noise())
				}
			})
		}
		for _, shell := range []string{"cat", "bash --norc --noprofile -i", "zsh -f -i", "fish --no-config -i"} {
			t.Run("in a terminal/"+shell, func(t *testing.T) {
				t.Parallel()
				if os.Getuid() != 0 {
					t.Skip("mounting is for root")
				}
				program, _, _ := strings.Cut(shell, " ")
				need(t, program, "unshare")
				// With /bin/false for /bin/sh no marker comes, whatever the shell.
				o, _ := instanceShell(t, "exec unshare -m bash -c 'mount --bind /bin/false /bin/sh && exec "+shell+"'\n")
				o.StartTimeout = patience / 5
				err := runInTestTerminal(t, o, command)
				noisy, ok := err.(interface{ noise() string })
				if !ok {
					t.Fatalf("%v", err)
				}
				if ours.MatchString(noisy.noise()) {
					t.Errorf("%q", noisy.noise())
				}
			})
		}
	}
	// What the gateway says of the command and of the language is its own.
	s := newScript("cat /home/bas/app_facade42-cafe-babe-cafe-deadf00dbaad", []string{"LC_PAPER=a very long value that is kept"})
	const words = "Error: no app_facade42-cafe-babe-cafe-deadf00dbaad\nno a very long value that is kept\n"
	if got := s.echoes().cut(words); got != words {
		t.Errorf("%q", got)
	}
}

// The script goes whatever stands around it and breaks it into lines, and cutting text short breaks nothing.
func FuzzEchoes(f *testing.F) {
	f.Add("Unknown choice: ", " \r", "!\n", "echo never", uint16(80))
	f.Add("\x1b[32m", "\x1b[0m\r\n", "\x1b]0;x", "", uint16(20))
	f.Fuzz(func(t *testing.T, before, between, after, command string, width uint16) {
		s := newScript(command, nil)
		e := s.echoes()
		line := strings.TrimSuffix(s.line(), "\n")
		e.cut(before + line[:int(width)%len(line)] + after)
		var text strings.Builder
		for len(line) > int(width) && width > 2*echoLength {
			text.WriteString(line[:width])
			if strings.Trim(between, " \r\n") == "" {
				text.WriteString(between)
			}
			line = line[width:]
		}
		shown := e.cut(before + "\n" + text.String() + line + after)
		for _, m := range []marker{s.hello, s.stdout, s.stderr} {
			if strings.Contains(shown, m.first) || strings.Contains(shown, m.second) {
				t.Errorf("%q", shown)
			}
		}
	})
}
