package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// loginPatience bounds the login and the command.
const loginPatience = 11 * time.Second

// attempt is what ssh tells about a login.
type attempt struct {
	offered  []string // the keys, as ssh names them: where from, kind, fingerprint
	accepted string   // the key that the gateway accepted
	letIn    bool     // the gateway let it in
	tried    string   // a key that ssh is about to sign with, if it can
	log      []string // ssh's log, without its steps
	refusal  error    // why ssh's ProxyCommand refused to go on; nil if it did not
	greeting []string // the gateway's messages
	err      error    // why the login could not be tried
	session  error    // why no command ran
	status   int      // the exit status of the command
	timeout  error    // what ended the wait; nil if ssh ended by itself
}

// reason returns the reason why there was no login: proxy's refusal, with its hints, or ssh's last words.
func (l *attempt) reason() (reason string, hints []string) {
	switch {
	case l.refusal != nil:
		return strings.ReplaceAll(l.refusal.Error(), "\n", "; "), ui.Hints(l.refusal)
	case len(l.log) > 0:
		return fmt.Sprintf("ssh says: %q", l.log[len(l.log)-1]), nil
	}
	return "ssh ended without saying why", nil
}

// startLogin has the user's ssh log in to the alias's gateway, without asking anything, and run a command that
// does nothing. It announces that first. The answer is nil if a login makes no sense.
func (e *examination) startLogin(ctx context.Context) func() *attempt {
	if e.alias == "" || e.ssh == "" || e.isOfAnother() {
		return func() *attempt { return nil }
	}
	if e.resolved.Target == "" {
		ui.Note(os.Stderr, "logging in to %s", e.alias)
	} else {
		ui.Note(os.Stderr, "logging in to %s, to run one command there: true", e.alias)
	}
	ctx, cancel := openssh.WithPatience(ctx, loginPatience)
	l, done := &attempt{}, make(chan struct{})
	go func() {
		defer close(done)
		l.err = e.logIn(ctx, l)
		if ctx.Err() != nil {
			l.timeout = context.Cause(ctx)
		}
	}()
	return func() *attempt {
		if e.blocked != "" {
			cancel()
		}
		<-done
		cancel()
		return l
	}
}

// logIn runs ssh, and then a command if the alias leads to a place where one can run.
func (e *examination) logIn(ctx context.Context, l *attempt) error {
	a := e.resolved
	a.Run = false
	inner, done, err := login.PrepareExamination(e.settings, a)
	if err != nil {
		return err
	}
	defer done()
	args := []string{"-T", "-o", "LogLevel=DEBUG1", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o", "ControlPath=none"}
	if a.Target == "" {
		return l.authenticate(ctx, inner, args)
	}
	l.runTrue(ctx, inner, args, a)
	return nil
}

// runTrue has ssh log in, and run a command that does nothing.
func (l *attempt) runTrue(ctx context.Context, inner *login.Inner, args []string, a config.Alias) {
	o := inner.Options(a)
	o.Memory = nil // nothing may change
	o.Inner = func(target string, _ bool) *exec.Cmd {
		cmd := inner.Command(ctx, append([]string{"-o", "RemoteCommand=" + target}, args...)...)
		l.offered, l.tried = nil, "" // this may not be the first ssh
		inner.Listen(cmd, func(line string) { l.readLine(line) }, nil)
		return cmd
	}
	o.Ended = func(cmd *exec.Cmd) bridge.End {
		end, channels := inner.Ended(cmd)
		l.log, l.refusal = channels.Log.Lines(), channels.Proxy.Refusal()
		return end
	}
	l.status, l.session = bridge.Run(ctx, o, "true", strings.NewReader(""), io.Discard, io.Discard)
	if noisy := new(bridge.ClosedError); errors.As(l.session, &noisy) {
		greeting := new(login.TailBuffer)
		io.WriteString(greeting, noisy.Noise)
		l.greeting = greeting.Lines()
	}
}

// authenticate has ssh log in, and then ends it: no command can run in the menu.
func (l *attempt) authenticate(ctx context.Context, inner *login.Inner, args []string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	cmd := inner.Command(ctx, append([]string{"-N", "-n"}, args...)...)
	greeting := new(login.TailBuffer)
	cmd.Stderr = greeting
	cmd.WaitDelay = time.Second
	channels := login.Listen(cmd, func(line string) {
		if l.readLine(line) {
			end()
		}
	}, nil)
	err := cmd.Start()
	if err == nil {
		cmd.Wait() // its log tells how it ended
	}
	channels.End()
	l.log, l.refusal, l.greeting = channels.Log.Lines(), channels.Proxy.Refusal(), greeting.Lines()
	return err
}

// readLine reads a line of ssh -v's log, and reports whether authentication is over.
func (l *attempt) readLine(line string) (done bool) {
	if m := login.Offering().FindStringSubmatch(line); m != nil {
		l.offered = append(l.offered, strings.TrimSpace(m[1]))
		l.tried = ""
	} else if m := login.Trying().FindStringSubmatch(line); m != nil {
		l.tried = m[1]
	} else if l.tried != "" && strings.HasPrefix(line, "debug1: Authentications that can continue") {
		l.offered = append(l.offered, l.tried)
		l.tried = ""
	} else if m := login.Accepted().FindStringSubmatch(line); m != nil {
		l.accepted = strings.TrimSpace(m[1])
	} else if login.Entered().MatchString(line) {
		l.accepted, l.letIn = cmp.Or(l.accepted, l.tried), true
	}
	return l.letIn
}
