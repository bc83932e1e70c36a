//go:build unix

package bridge

import (
	"cmp"
	"context"
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// The gateway's answers are distinguished, and none is taken for the instance's shell.
func TestGatewayAnswers(t *testing.T) {
	t.Parallel()
	const first, second = "11281f38-31ff-43a7-8595-a2d82630c32b", "22281f38-31ff-43a7-8595-a2d82630c32b"
	w := newWorld(t)
	startFake(t, w)
	for _, row := range []struct {
		name, target string
		options      []string
		want         error
	}{
		{"several instances", pair, nil, &QuestionError{Instances: []Instance{
			{first, false, 0, "UP", false, "Brave Eevee", "Brave Eevee - Instance 0 - UP"}, {second, false, 1, "UP", false, "Quiet Abra", "Quiet Abra - Instance 1 - UP"}}}},
		{"the menu", "", nil, &QuestionError{}},
		{"no instance", "app_down", nil, &RefusedError{Reason: "Error: Failed to choose instance: 'Error while running choice script: Error: This application has no instances you can ssh to'"}},
		{"somebody else's instance", "33281f38-31ff-43a7-8595-a2d82630c32b", nil, &RefusedError{Reason: `Error: Failed to choose instance: 'Error while running choice script: API Error: API Error: Clever Cloud API error: ApiError { id: 9017, message: "The specified instance does not exist." }'`}},
		{"a key that is not registered", target, []string{"-i", "/dev/null", "-o", "IdentityFile=none"}, &ClosedError{How: "ssh: exit status 255"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, tty := range []bool{false, true} {
				args := append([]string{"-F", w.path("inner_config"), "-o", "RemoteCommand=" + cmp.Or(row.target, "none")}, row.options...)
				if row.options != nil {
					args = append(args, "-o", "IdentityFile=none", "-i", w.path("bridge_key"))
					args[1] = w.write(t, "other_config", strings.ReplaceAll(readFile(t, w.path("inner_config")), w.path("id"), w.path("bridge_key")), 0o600)
				}
				o := testOptions(append([]string{"ssh"}, append(args, "inner")...))
				var err error
				if tty {
					err = runInTestTerminal(t, o, "echo never")
				} else {
					var got result
					got, err = runCommand(t, o, "echo never", "1\n2\n")
					if got != (result{"", "", 255}) {
						t.Errorf("%+v", got)
					}
				}
				if closed := new(ClosedError); errors.As(err, &closed) {
					if !strings.Contains(closed.Noise, "Permission denied") {
						t.Errorf("the noise is %q", closed.Noise)
					}
					closed.Noise = ""
				}
				if !reflect.DeepEqual(err, row.want) {
					t.Errorf("tty %t: %#v", tty, err)
				}
			}
		})
	}
	// A terminal may show typed text in the middle of it.
	const answer = "Error: Failed to choose instance: 'Error: This application has no instances you can ssh to'"
	if err := refusal("Welcome\r\nexec /bin/sh -c 's=$(" + answer + "\r\n"); !reflect.DeepEqual(err, &RefusedError{Reason: answer}) {
		t.Errorf("%#v", err)
	}
	// The message that the client's user sees.
	w.use("ssh", "-F", w.path("inner_config"), "-o", "RemoteCommand="+pair, "inner")
	got := run(t, w.command("ssh", "web", "echo never"))
	want := result{"", "the application has 2 instances; name one of them\n    " + first + "  Brave Eevee - Instance 0 - UP\n    " + second + "  Quiet Abra - Instance 1 - UP\n", 255}
	if got != want {
		t.Errorf("%+v", got)
	}
	if got := run(t, w.command("scp", "known_hosts", "web:x")); got.status == 0 || !strings.Contains(got.stderr, "has 2 instances") {
		t.Errorf("scp: %+v", got)
	}
	if got := run(t, w.command("ssh", "-W", "127.0.0.1:1", "web")); got.status != 255 || !strings.Contains(got.stderr, "has 2 instances") {
		t.Errorf("ssh -W: %+v", got)
	}
}

// A greeting may hold the words of a question.
func TestGreeting(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "echo 'Your choice: to work here.'; echo 'Terms: 1) none'; exec bash\n")
	if got, err := runCommand(t, o, "echo yes", ""); got != (result{"yes\n", "", 0}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever a hostile instance does before the command, none of it is taken for the command's.
func TestHostileInstance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, script string
		check        func(error) bool
	}{
		{"closes at once", "exit 0", isClosed("")},
		{"says goodbye", "echo 'go \033[31maway\033[0m\a'; printf 'x\\ny' >&2; exit 3", isClosed("go \\x1b[31maway\\x1b[0m\\a\nx\ny")},
		{"says nothing", "cat >/dev/null; :", isSilent(false, "")},
		{"echoes", "exec cat", isFault(Echoing)},
		{"echoes on both", "exec tee /dev/stderr", isFault(Echoing)},
		{"traces without running", "sh -n -v; cat >/dev/null; :", isSilent(false, "")},
		{"guesses", "for i in 0 1 2 3; do echo 00112233445566778899aabbccddeeff:1\\;; done; exec cat >/dev/null", isSilent(true, "00112233445566778899aabbccddeeff:1;")},
		{"floods", "exec yes flood", isSilent(true, "flood\nflood")},
		{"floods stderr", "echo; yes flood >&2; :", isSilent(true, "flood\nflood")},
		{"floods without lines", "exec cat /dev/zero", isSilent(true, `\x00\x00`)},
		{"asks", "printf '1) A (11281f38-31ff-43a7-8595-a2d82630c32b)\\nYour choice: '; exec cat", func(err error) bool { return errors.As(err, new(*QuestionError)) }},
		{"asks with control characters", "printf '1) \\033]0;x\\007 a\\007b (11281f38-31ff-43a7-8595-a2d82630c32b)\\nYour choice: '; exec cat", func(err error) bool {
			q := new(QuestionError)
			return errors.As(err, &q) && len(q.Instances) == 1 && q.Instances[0].Text == `a\ab`
		}},
		{"asks for something else", "printf 'Your choice: '; cat >/dev/null; :", func(err error) bool { q := new(QuestionError); return errors.As(err, &q) && len(q.Instances) == 0 }},
		{"mirrors stdout only", "bash 2>/dev/null; :", isSilent(true, "")},
		{"mirrors stderr only", "bash >/dev/null; :", isSilent(false, "")},
		{"is killed", "kill -KILL $$", func(err error) bool {
			c := new(ClosedError)
			return errors.As(err, &c) && c.How == "ssh: signal: killed"
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, _ := instanceShell(t, row.script+"\n")
			var got result
			var err error
			withoutHurry(o, func(o Options) bool {
				got, err = runCommand(t, o, "echo never", "data")
				return row.check(err)
			})
			if !row.check(err) || got != (result{"", "", 255}) {
				t.Errorf("%+v, %#v", got, err)
			}
		})
	}
}

// withoutHurry makes attempts with growing timeouts until one has the expected result: an instance's output may
// come late.
func withoutHurry(o Options, attempt func(Options) bool) {
	for timeout := 300 * time.Millisecond; timeout < test.Patience; timeout *= 3 {
		o.StartTimeout, o.ConnectTimeout = timeout, timeout
		if attempt(o) {
			return
		}
	}
}

func isClosed(noise string) func(error) bool {
	return func(err error) bool {
		c := new(ClosedError)
		return errors.As(err, &c) && c.Noise == noise
	}
}

func isFault(fault Fault) func(error) bool {
	return func(err error) bool {
		way := new(WayError)
		return errors.As(err, &way) && way.Fault == fault
	}
}

func isSilent(connected bool, noise string) func(error) bool {
	return func(err error) bool {
		s := new(SilentError)
		// The bound is for the output as it came; escaping may make it four times as long.
		return errors.As(err, &s) && s.Connected == connected && strings.Contains(s.Noise, noise) && len(s.Noise) < 2*(4*maxNoise+10)
	}
}

// A hostile instance knows the markers, and may send them at any time. It owns the command anyway, but it does
// not own this process.
func TestHostileMarkers(t *testing.T) {
	t.Parallel()
	// It finds the halves of the markers in the script, in the order hello, stderr, stdout. p is what follows
	// each marker.
	const read = `read -r line; set -- $(printf '%s' "$line" | sed 's/\\073/;/g; s/\\045/%/g; s/\\044/$/g; s/\\134/\\/g' | grep -oE '[0-9a-f]{16} [0-9a-f]{16}' | tr -d ' ')
hello=$1 err=$2 out=$3 p='` + wayProbeFormat + `' q='` + errorProbeFormat + `'
`
	for _, row := range []struct {
		name, script, stdout, stderr string
		status                       int
	}{
		{"as it should be", `printf "%s:0;${p}noise%s:77;${p}out" $hello $out; printf "%s:77;${q}err" $err >&2; exit 5`, "out", "err", 5},
		{"in pieces", `printf '%s' $out | cut -c1-20 | tr -d '\n'; printf '%s' $out | cut -c21- | tr -d '\n'; printf ':7'; printf '7;%s:0;' ; exit 5`, "", "", 255},
		{"hello in pieces", `printf '%s' $hello | cut -c1-20 | tr -d '\n'; printf '%s' $hello | cut -c21- | tr -d '\n'; printf ':'; printf "0;${p}%s:77" $out; printf ";${p}out"; printf "%s:;$q" $err >&2; exit 5`, "out", "", 5},
		{"nonsense for a number", `printf "%s:0;$p%s:x;%s:99999999999999999999;%s:-1;%s:12;${p}out" $hello $out $out $out $out; printf "%s:77;$q" $err >&2; exit 5`, "out", "", 5},
		{"twice", `printf "%s:0;$p%s:1;$p%s:2;" $hello $out $out; printf "%s:77;$q" $err >&2; exit 5`, "OUT:2;", "", 5},
		{"a number of another process", `printf "%s:0;$p%s:1;$p" $hello $out; printf "%s:1;$q" $err >&2; exit 5`, "", "", 5},
		{"hello of no meaning", `printf "%s:999;$p%s:1;$p" $hello $out; printf "%s:1;$q" $err >&2; exit 5`, "", "", 255},
		{"no end of the probe", `printf "%s:0;" $hello; exec yes 123456789`, "", "", 255},
	} {
		o, _ := instanceShell(t, read+row.script+"\n")
		got, err := runCommand(t, o, "echo never", "")
		if strings.HasPrefix(row.stdout, "OUT") {
			if len(got.stdout) != 32+len(":2;") {
				t.Errorf("%s: %+v", row.name, got)
			}
			got.stdout = row.stdout
		}
		if got != (result{row.stdout, row.stderr, row.status}) || (err != nil) != (row.status == 255) {
			t.Errorf("%s: %+v, %v", row.name, got, err)
		}
	}
}

// An ssh that cannot be started is an error, and a client can go before the command begins.
func TestBeginFails(t *testing.T) {
	t.Parallel()
	o := testOptions([]string{"/nonexistent/ssh"})
	if _, err := runCommand(t, o, "true", ""); err == nil || !errors.Is(err, exec.ErrNotFound) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
	o, _ = instanceShell(t, "cat >/dev/null\n")
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Run(ctx, o, "true", strings.NewReader(""), nil, nil); err != context.Canceled {
		t.Errorf("%v", err)
	}
}
