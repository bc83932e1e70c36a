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

	"clever-ssh/internal/test"
)

// A command that has not begun because of a network fault is tried again, twice. Nothing else is, and nothing
// runs twice.
func TestNetworkFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	const hello = `read -r line; set -- $(printf '%s' "$line" | grep -oE '[0-9a-f]{16} [0-9a-f]{16}' | tr -d ' '); printf '%s:0;` + wayProbeFormat + `' $1; `
	for _, row := range []struct {
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
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, home := instanceShell(t, "echo x >>tries\nif [ $(wc -l <tries) -le "+string(rune('0'+row.faults))+" ]; then "+row.fault+"; fi\nexec bash --noprofile --norc\n")
			const command = "echo x >>$HOME/ran; echo done"
			starter, script := newStarter(o.withDefaults()), newScript(command, nil)
			var j job
			var err error
			if row.tty {
				j, err = starter.beginInTerminal(t.Context(), script, testTerminal())
			} else {
				j, err = starter.begin(t.Context(), script)
			}
			if err == nil {
				r := j.(*running)
				if out, _ := io.ReadAll(r.stdout); strings.TrimSpace(string(out)) != "done" {
					t.Errorf("%q", out)
				}
				r.inner.end()
			}
			begins := row.faults < row.tries
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
			if got := strings.Count(readFile(t, filepath.Join(home, "tries")), "x"); got != row.tries {
				t.Errorf("%d tries", got)
			}
		})
	}
}

func testTerminal() *terminal {
	return &terminal{name: "vt220", size: windowSize{Columns: 80, Rows: 25}}
}

// A command in a terminal may run as soon as it has the go-ahead. An ssh that ends after that, before the last
// marker, has lost a connection: the command must not begin again, whatever the login files may have done.
func TestGoAheadIsGivenOnce(t *testing.T) {
	t.Parallel()
	test.Need(t, "perl")
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

// If the gateway has not let an ssh in, the ssh did not fail on the way to an instance, whatever its output.
func TestLoginIsNotTriedAgain(t *testing.T) {
	t.Parallel()
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

// If a client goes during a pause, there are no more tries for it.
func TestTryingAgainEnds(t *testing.T) {
	t.Parallel()
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

// An ssh whose first connections are closed at once, as by a busy sshd, prints the expected words.
func TestBusySSHD(t *testing.T) {
	t.Parallel()
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

// A person who waits for a shell is told so, once, however many commands wait, and whatever the gateway prints
// meanwhile.
func TestWaiting(t *testing.T) {
	t.Parallel()
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
