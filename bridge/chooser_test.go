//go:build unix

package bridge

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// gatewayShell returns options for a gateway that runs one script when asked for an instance, whose id is $1,
// and another for an application.
func gatewayShell(t *testing.T, application, instance string) (o Options, home string) {
	t.Helper()
	o, home = instanceShell(t, `for a; do case $a in RemoteCommand=*) set -- "${a#*=}" ;; esac; done
case $1 in
*-*-*-*-*) `+instance+`
;;
*) `+application+`
;;
esac
`)
	o.Application = true
	return o, home
}

const (
	pairList    = `1) A - Instance 1 - UP (` + firstID + `)\n2) B - Instance 0 - UP (` + secondID + `)\n`
	plainShell  = `export INSTANCE_ID=$1; exec bash --noprofile --norc`
	whereAmI    = `echo "$INSTANCE_ID"`
	waitForever = `cat >/dev/null`
)

// The instance is chosen from a list in any form. A list that cannot be understood is shown, and so is one that
// ends too early.
func TestListForms(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, gateway string
		want          string // the instance; empty for an error
		check         func(*QuestionError) bool
	}{
		{"as it was seen", `printf '` + pairList + `Your choice: '; ` + waitForever, secondID, nil},
		{"on stderr", `printf '` + pairList + `Your choice: ' >&2; ` + waitForever, secondID, nil},
		{"another prompt", `printf '` + pairList + `Welche? '; ` + waitForever, secondID, nil},
		{"another prompt on stderr", `printf '` + pairList + `'; printf '> ' >&2; ` + waitForever, secondID, nil},
		{"all of it on stderr, another prompt", `printf '` + pairList + `? ' >&2; ` + waitForever, secondID, nil},
		{"CR LF and colours", `printf '\033[1m1)\033[0m A - Instance 1 - UP (` + firstID + `)\r\n\033[1m2)\033[0m B - Instance 0 - \033[32mUP\033[0m (` + strings.ToUpper(secondID) + `)\r\n\033[1m? \033[0m'; ` + waitForever, secondID, nil},
		{"a spinner", `printf '\r| Loading'; printf '\r/ Loading'; printf '\r\033[2K` + pairList + `Your choice: '; ` + waitForever, secondID, nil},
		{"asked again for what it was sent", `printf '` + pairList + `'; while printf 'Your choice: ' && read -r x; do echo no; done`, secondID, nil},
		{"only one is UP", `printf '1) A - Instance 0 - STOPPING (` + firstID + `)\n2) B - Instance ? - UP (` + secondID + `)\nYour choice: '; ` + waitForever, secondID, nil},
		{"1,000 of them", `for i in $(seq 1000 1999); do echo "$i) A - Instance $i - UP (11281f38-31ff-43a7-8595-a2d82630$i)"; done; printf 'Your choice: '; ` + waitForever, "11281f38-31ff-43a7-8595-a2d826301000", nil},
		{"no states", `printf '1) A (` + firstID + `)\n2) B (` + secondID + `)\nYour choice: '; ` + waitForever, "", func(q *QuestionError) bool { return len(q.Instances) == 2 && !q.Ended }},
		{"no question", `printf '` + pairList + `'`, "", func(q *QuestionError) bool { return len(q.Instances) == 2 && q.Ended }},
		{"no list", `printf 'Your choice: '; ` + waitForever, "", func(q *QuestionError) bool { return len(q.Instances) == 0 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, home := gatewayShell(t, row.gateway, plainShell+"; touch ran")
			got, err := runCommand(t, o, whereAmI+`; echo x >>"$HOME/ran"`, "")
			if row.want != "" {
				if got.stdout != row.want+"\n" || got.status != 0 || err != nil {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			q := new(QuestionError)
			if !errors.As(err, &q) || !row.check(q) {
				t.Errorf("%#v", err)
			}
			if _, err := os.Stat(filepath.Join(home, "ran")); err == nil {
				t.Error("the command ran")
			}
		})
	}
}

// An instance that cannot be entered is chosen again, twice, after a pause, and no command runs twice.
func TestInstanceHasGone(t *testing.T) {
	t.Parallel()
	const count = `echo x >>entered; `
	for _, row := range []struct {
		name, instance string
		entered        int
		fails          bool
	}{
		{"once", `if [ $(wc -l <entered) = 1 ]; then echo "Error: The specified instance does not exist" >&2; exit 1; fi; ` + plainShell, 2, false},
		{"always", `echo "Error: The specified instance does not exist" >&2; exit 1`, 3, true},
		{"it hangs up", `if [ $(wc -l <entered) -le 2 ]; then echo "Opening an ssh shell"; exit 255; fi; ` + plainShell, 3, false},
		{"it asks", `printf '` + pairList + `Your choice: '; ` + waitForever, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, home := gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, count+row.instance)
			got, err := runCommand(t, o, whereAmI+`; echo x >>"$HOME/ran"`, "")
			if (err != nil) != row.fails || !row.fails && got.stdout != secondID+"\n" {
				t.Errorf("%+v, %v", got, err)
			}
			if n := strings.Count(readFile(t, filepath.Join(home, "entered")), "x"); n != row.entered {
				t.Errorf("entered %d times", n)
			}
			ran, _ := os.ReadFile(filepath.Join(home, "ran"))
			if want := map[bool]string{false: "x\n"}[row.fails]; string(ran) != want {
				t.Errorf("the command ran: %q", ran)
			}
		})
	}
}

// An instance that pretends to be the gateway, and lists another application's instance, gets nothing to run
// there.
func TestForeignInstance(t *testing.T) {
	t.Parallel()
	o, home := gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, `export APP_ID=app_22222222-2222-3333-4444-555555555555; `+plainShell)
	foreign := func(err error) bool {
		f := new(ForeignError)
		return errors.As(err, &f) && f.ID == secondID
	}
	if got, err := runCommand(t, o, `touch "$HOME/ran"`, ""); !foreign(err) || got.status != 255 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := runInTestTerminal(t, o, `touch "$HOME/ran"`); !foreign(err) {
		t.Errorf("in a terminal: %v", err)
	}
	if target, err := Find(t.Context(), o); !foreign(err) {
		t.Errorf("%q, %v", target, err)
	}
	o.Instance = All
	part := new(PartError)
	if _, err := runCommand(t, o, `touch "$HOME/ran"`, ""); !errors.As(err, &part) || len(part.Failed) != 2 || !strings.Contains(part.Error(), "belongs to another application") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(home, "ran")); err == nil {
		t.Error("the command ran")
	}
	// A variable of the application's own does not count as its id.
	o, _ = gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, `export APP_ID=1234567890; `+plainShell)
	if got, err := runCommand(t, o, "echo here", ""); err != nil || got.stdout != "here\n" {
		t.Errorf("%+v, %v", got, err)
	}
	// The application's own instances are not foreign, and the id that a lone instance claims leads nowhere.
	o, _ = gatewayShell(t, `export INSTANCE_ID=`+thirdID+` INSTANCE_NUMBER=4; exec bash --noprofile --norc`, `echo never >&2; exit 1`)
	o.Instance = "4"
	if got, err := runCommand(t, o, "echo here", ""); err != nil || got.stdout != "here\n" {
		t.Errorf("%+v, %v", got, err)
	}
	if target, err := Find(t.Context(), o); err != nil || target != o.Target {
		t.Errorf("%q, %v", target, err)
	}
	if list, err := List(t.Context(), o); err != nil || !reflect.DeepEqual(list, []Instance{{ID: thirdID, Alone: true, Number: 4, State: "UP", Text: "UP"}}) {
		t.Errorf("%+v, %v", list, err)
	}
}

// A list whose order keeps changing leads to an instance, and not around in circles.
func TestFlappingList(t *testing.T) {
	t.Parallel()
	o, _ := gatewayShell(t, `echo x >>lists
if [ $(($(wc -l <lists) % 2)) = 1 ]; then s=UP t=STOPPING; else s=STOPPING t=UP; fi
printf '1) A - Instance 0 - %s (`+firstID+`)\n2) B - Instance 0 - %s (`+secondID+`)\nYour choice: ' $s $t; `+waitForever, plainShell)
	for range 3 {
		if got, err := runCommand(t, o, whereAmI, ""); err != nil || got.stdout != firstID+"\n" && got.stdout != secondID+"\n" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A gateway that answers one question with another soon gives an error.
func TestListThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	o, home := gatewayShell(t, `echo x >>sessions
read -r line
case $line in
*INSTANCE_ID*) eval "$line" ;;
*) printf '1) A - Instance 0 - STOPPING (`+firstID+`)\nYour choice: '; `+waitForever+` ;;
esac`, plainShell)
	if got, err := runCommand(t, o, "echo never", ""); !errors.As(err, new(*QuestionError)) || got.stdout != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if n := strings.Count(readFile(t, filepath.Join(home, "sessions")), "x"); n > 12 {
		t.Errorf("%d sessions", n)
	}
}

// A lone build VM has no number.
func TestLoneBuildVM(t *testing.T) {
	t.Parallel()
	o, _ := gatewayShell(t, `export INSTANCE_ID=`+thirdID+` INSTANCE_NUMBER=0 INSTANCE_TYPE=build; exec bash --noprofile --norc`, "exit 1")
	for selector, runs := range map[Selector]bool{Build: true, Any: true, "0": false} {
		o.Instance = selector
		got, err := runCommand(t, o, "echo here", "")
		if none := new(NoInstanceError); runs != (err == nil && got.stdout == "here\n") || !runs && !errors.As(err, &none) {
			t.Errorf("%s: %+v, %v", selector, got, err)
		}
	}
}

// untilHungUp is a command that makes the file begun in its home, and hung when it is hung up on.
const untilHungUp = `exec 2>/dev/null; trap 'echo x >>"$HOME/hung"; exit' HUP; touch "$HOME/begun"; while :; do sleep 0.1; done`

// filesIn returns a function that reports whether a folder has a file.
func filesIn(folder string) func(name string) bool {
	return func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	}
}

// A command that began when there was one instance is still hung up when there are two.
func TestSignalAfterDeployment(t *testing.T) {
	t.Parallel()
	o, home := gatewayShell(t, `if [ -e "$HOME/deployed" ]; then printf '`+pairList+`Your choice: '; `+waitForever+`; else setsid bash --noprofile --norc; exit $?; fi`, plainShell)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, o, untilHungUp, strings.NewReader(""), io.Discard, io.Discard)
		ended <- err
	}()
	there := filesIn(home)
	test.Eventually(t, "it has begun", func() bool { return there("begun") })
	if err := os.WriteFile(filepath.Join(home, "deployed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
	test.Eventually(t, "it is hung up on", func() bool { return there("hung") })
}

// begunWriter gives a go-ahead, and then does something before it says so.
type begunWriter struct {
	io.WriteCloser
	begun func()
}

func (w begunWriter) Write(p []byte) (int, error) {
	n, err := w.WriteCloser.Write(p)
	w.begun()
	return n, err
}

// A client that goes while its command gets the go-ahead leaves nothing running.
func TestGoneWithGoAhead(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "setsid bash --noprofile --norc; exit $?\n")
	there := filesIn(home)
	s := newBridge(o).starter
	script := newScript(untilHungUp, nil)
	i, err := startOnPipes(s.opener.options, target, false)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(i.stdin, script.line())
	r, err := s.opener.await(t.Context(), i, script, func(bool) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	i.stdin = begunWriter{i.stdin, func() {
		test.Eventually(t, "it has begun", func() bool { return there("begun") })
		cancel()
		<-release
	}}
	if err := r.goAhead(ctx, script); err != context.Canceled {
		t.Error(err)
	}
	test.Eventually(t, "it is hung up on", func() bool { return there("hung") })
}

// A command on all instances ends when its client goes, even if nobody reads its output.
func TestAllEndsUnread(t *testing.T) {
	t.Parallel()
	o, _ := gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, plainShell)
	o.Instance = All
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe() // nobody reads on from here
	defer r.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, o, `while :; do printf 'line\nunfinished'; done`, strings.NewReader(""), w, io.Discard)
		ended <- err
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
}

// listMemory is a Memory that remembers what it was told.
type listMemory struct {
	mu    sync.Mutex
	known *Listing
	calls []string
}

func (m *listMemory) Recall() *Listing {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}

func (m *listMemory) Remember(l Listing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known, m.calls = &l, append(m.calls, "remember")
}

func (m *listMemory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known, m.calls = nil, append(m.calls, "forget")
}

// What one bridge learns, later ones know: they enter the instance without looking at the list.
func TestListMemory(t *testing.T) {
	t.Parallel()
	o, home := gatewayShell(t, `echo x >>lists; printf '`+pairList+`Your choice: '; `+waitForever, `echo $1 >>entered; `+plainShell)
	m := new(listMemory)
	o.Memory = m
	var told []string
	o.Chosen = func(i Instance, between []Instance) {
		told = append(told, i.String()+" of "+string(rune('0'+len(between))))
	}
	for range 3 {
		if got, err := runCommand(t, o, whereAmI, ""); err != nil || got.stdout != secondID+"\n" {
			t.Errorf("%+v, %v", got, err)
		}
		m.known.Time = time.Now() // however slow this machine is
	}
	second := "instance 0 (" + secondID[:8] + ") of 2"
	if want := []string{second, second, second}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %q", told)
	}
	if lists := readFile(t, filepath.Join(home, "lists")); strings.Count(lists, "x") != 1 || m.known == nil || m.known.Chosen != secondID {
		t.Errorf("%q, %+v", lists, m.known)
	}
	// A chosen instance stays, whatever its number, as long as it is UP.
	m.known.Chosen = firstID
	if got, err := runCommand(t, o, whereAmI, ""); err != nil || got.stdout != firstID+"\n" {
		t.Errorf("%+v, %v", got, err)
	}
	m.known.Instances[0].State = "STOPPING"
	if got, err := runCommand(t, o, whereAmI, ""); err != nil || got.stdout != secondID+"\n" {
		t.Errorf("%+v, %v", got, err)
	}
	// An old list is read again in the background, and a command that is faster still uses the old one.
	m.known.Time = time.Now().Add(-time.Minute)
	b := newBridge(o)
	if _, err := runScript(t, b, newScript("sleep 0.1", nil), streams{strings.NewReader(""), io.Discard, io.Discard}); err != nil {
		t.Error(err)
	}
	b.wait(test.Patience)
	if time.Since(m.known.Time) > 30*time.Second {
		t.Error("the list was not read again")
	}
	// A remembered instance that has gone is forgotten.
	m.known = &Listing{Time: time.Now(), Instances: []Instance{{ID: thirdID, State: "UP"}}}
	o.Inner = func(inner func(string, bool) *exec.Cmd) func(string, bool) *exec.Cmd {
		return func(to string, tty bool) *exec.Cmd {
			if to == thirdID {
				return exec.Command("sh", "-c", "echo 'Error: The specified instance does not exist'")
			}
			return inner(to, tty)
		}
	}(o.Inner)
	m.calls = nil
	if got, err := runCommand(t, o, whereAmI, ""); err != nil || got.stdout != secondID+"\n" {
		t.Errorf("%+v, %v", got, err)
	}
	if !reflect.DeepEqual(m.calls, []string{"forget", "remember"}) {
		t.Errorf("%q", m.calls)
	}
}

// If a command runs on all instances, no line is torn, and an instance that reads nothing, or ends at once,
// does not hold up the others.
func TestAllLines(t *testing.T) {
	t.Parallel()
	o, _ := gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, `case $1 in 1*) export INSTANCE_NUMBER=1 ;; *) export INSTANCE_NUMBER=0 ;; esac; `+plainShell)
	o.Instance = All
	got, err := runCommand(t, o, `for i in $(seq 300); do printf 'a%s' "$i"; printf 'b\n'; done; if [ $INSTANCE_NUMBER = 0 ]; then exit 3; fi; wc -c`, strings.Repeat("x", 1<<20))
	part := new(PartError)
	if !errors.As(err, &part) || got.status != 3 || part.Error() != "the command failed on 1 of 2 instances\n    0: exit status 3" {
		t.Errorf("%d, %v", got.status, err)
	}
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	for _, label := range []string{"0", "1"} {
		n := 0
		for _, line := range lines {
			if strings.HasPrefix(line, label+": a") && strings.HasSuffix(line, "b") {
				n++
			}
		}
		if n != 300 {
			t.Errorf("%d lines of %s", n, label)
		}
	}
	if len(lines) != 601 || !strings.Contains(got.stdout, "\n1: 1048576\n") {
		t.Errorf("%d lines: %.200q", len(lines), got.stdout)
	}
}

func TestLineWriter(t *testing.T) {
	var out strings.Builder
	w := &lineWriter{to: &out, turn: new(sync.Mutex), label: "7"}
	long := strings.Repeat("y", maxLine)
	for _, s := range []string{"a", "b\nc", "\n\n", "", long, "\n" + long + "z", "end"} {
		if n, err := io.WriteString(w, s); n != len(s) || err != nil {
			t.Error(n, err)
		}
	}
	w.end()
	w.end()
	if want := "7: ab\n7: c\n7: \n7: " + long + "\n7: " + long + "\n7: zend\n"; out.String() != want {
		t.Errorf("%d bytes, want %d: %.40q", out.Len(), len(want), out.String())
	}
}

// When the client of a command on all instances goes, the command ends on all of them.
func TestAllEnd(t *testing.T) {
	t.Parallel()
	o, home := gatewayShell(t, `printf '`+pairList+`Your choice: '; `+waitForever, `setsid bash --noprofile --norc; exit $?`)
	o.Instance = All
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, o, `exec 2>/dev/null; trap 'echo x >>"$HOME/hung"; exit' HUP; echo $$ >>"$HOME/pids"; while :; do sleep 0.1; done`, strings.NewReader(""), io.Discard, io.Discard)
		ended <- err
	}()
	test.Eventually(t, "both have begun", func() bool {
		pids, _ := os.ReadFile(filepath.Join(home, "pids"))
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
		return strings.Count(string(pids), "\n") == 2
	})
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
	test.Eventually(t, "both are hung up on", func() bool {
		hung, _ := os.ReadFile(filepath.Join(home, "hung"))
		return strings.Count(string(hung), "\n") == 2
	})
}
