package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"clever-ssh/outpost/wire"
)

// opener opens sessions on an instance that somebody has chosen, each through an ssh of its own, or streams to the
// instance's outpost.
type opener struct {
	options Options
	errands errands       // for the commands that run
	turns   chan struct{} // one entry for each command that is about to begin
	waiting sync.Once     // says once that it takes a long time
}

func newOpener(o Options) *opener {
	return &opener{options: o, turns: make(chan struct{}, maxStarting)}
}

// maxStarting is how many commands begin at once. Each may be a login of its own, and a browser at a SOCKS proxy opens
// dozens of connections at a time. sshd lets a connection have ten sessions, and ten connections log in.
const maxStarting = 8

// attempt tries once to begin a script's command at a target.
type attempt func(ctx context.Context, s *script, target string) (job, error)

// tryAt makes attempts like try, all of them at one target.
func (o *opener) tryAt(ctx context.Context, script *script, target string, once attempt) (job, error) {
	for tries := (attempts{options: o.options, since: time.Now()}); ; {
		r, err := once(ctx, script, target)
		if err == nil {
			return r, nil
		}
		if script, err = tries.next(ctx, script, err, false); err != nil {
			return nil, err
		}
	}
}

func (o *opener) runningAt(ctx context.Context, script *script, target string, once attempt) (*running, error) {
	j, err := o.tryAt(ctx, script, target, once)
	if err != nil {
		return nil, err
	}
	return j.(*running), nil
}

// beginInShellAt begins a command like beginAt, without an outpost.
func (o *opener) beginInShellAt(ctx context.Context, script *script, target string) (*running, error) {
	return o.runningAt(ctx, script, target, o.inShell)
}

// beginRawAt begins a command like beginInShellAt, in a session whose terminal becomes a plain pipe.
func (o *opener) beginRawAt(ctx context.Context, script *script, target string) (*running, error) {
	script = script.onRawTerminal()
	script.command = "exec 2>/dev/null\n" + script.command // or stderr would mix with stdout
	return o.runningAt(ctx, script, target, o.inShell)
}

// inShell is onPipes for commands that belong in the shell whether or not an outpost is running.
func (o *opener) inShell(ctx context.Context, script *script, target string) (job, error) {
	return o.onPipes(ctx, script, target, nil)
}

// onPipes has the instance's shell begin a command. If stillRight is set, onPipes gives up in two cases: the
// instance has become the wrong one by the time the shell answers, or an outpost is running by then and no
// shell is needed. In the second case the error is errThereNow.
func (o *opener) onPipes(ctx context.Context, script *script, target string, stillRight func() bool) (job, error) {
	watched := stillRight != nil && !script.unwatched && o.options.Line != nil
	if err := o.takeTurn(ctx, target, watched); err != nil {
		return nil, err
	}
	defer func() { <-o.turns }()
	script.belongsTo = o.applicationOf(target)
	i, err := startOnPipes(o.options, target, script.raw)
	if err != nil {
		return nil, err
	}
	line, greeted := script.line(), func(bool) error { return nil }
	if script.raw {
		line = script.rawLine()
		greeted = func(bool) error {
			go io.WriteString(i.stdin, script.body()+"\n")
			return nil
		}
	}
	// In a goroutine: the line may be longer than a pipe holds, and ssh reads it only when it is connected.
	go io.WriteString(i.stdin, line)
	r, err := o.awaitOrOutpost(ctx, i, script, greeted, watched)
	if err == nil && stillRight != nil && !stillRight() {
		err = errReplaced
	}
	if err == nil && !script.raw {
		err = r.goAhead(ctx, script)
	}
	if err != nil {
		i.end()
		return nil, err
	}
	return r, nil
}

// awaitOrOutpost waits for a command to begin. If outpost is set, it also looks for an outpost meanwhile: where
// the shell is slow or never answers, the outpost may be running first. Then the error is errThereNow.
func (o *opener) awaitOrOutpost(ctx context.Context, i *inner, script *script, greeted func(bool) error, outpost bool) (*running, error) {
	if !outpost {
		return o.await(ctx, i, script, greeted)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for tick := time.NewTicker(slowLook); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
			if conn, err := o.open(ctx, i.target, false); err == nil {
				conn.Close()
				cancel(errThereNow)
			}
		}
	}()
	r, err := o.await(ctx, i, script, greeted)
	if err != nil && context.Cause(ctx) == errThereNow {
		err = errThereNow
	}
	return r, err
}

// slowLook is how often a command looks for an outpost while the shell has not answered.
const slowLook = time.Second

// takeTurn waits for a turn to begin a command. The error is ctx.Err(), or, if watched is set, errThereNow:
// while it waited for others, an outpost appeared, which needs no turns.
func (o *opener) takeTurn(ctx context.Context, target string, watched bool) error {
	tick := time.NewTicker(turnLook)
	defer tick.Stop()
	for {
		select {
		case o.turns <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if !watched {
				continue
			}
			if conn, err := o.open(ctx, target, false); err == nil {
				conn.Close()
				return errThereNow
			}
		}
	}
}

// turnLook is how often a command that waits for its turn looks for an outpost.
const turnLook = 100 * time.Millisecond

// errThereNow means that an outpost is running by now.
var errThereNow = errors.New("the outpost is running now")

// inTerminal has the instance's shell begin a command on a terminal, where the shell shows a prompt and echoes
// its input. All that is noise. The client's typing waits meanwhile, or the shell would take it.
func (o *opener) inTerminal(ctx context.Context, script *script, target string, t *terminal) (job, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	script.belongsTo = o.applicationOf(target)
	i, controller, err := t.start(o.options, target)
	if err != nil {
		return nil, err
	}
	go func() {
		// Until ssh has its session, it may ask for a passphrase in this terminal.
		if controller.awaitRaw(ctx) {
			io.WriteString(i.stdin, script.terminalLine())
		}
	}()
	r, err := o.await(ctx, i, script, func(able bool) error {
		body := script.terminalBody()
		if !able && len(body) > maxTerminalLine {
			return fmt.Errorf("the command is too long: without stty, which the instance lacks, a terminal takes at most %d bytes", maxTerminalLine)
		}
		go io.WriteString(i.stdin, body)
		return nil
	})
	if err != nil {
		i.end()
		return nil, err
	}
	return r, nil
}

// await waits for a command to begin. It calls greeted when the shell says hello.
func (o *opener) await(ctx context.Context, i *inner, script *script, greeted func(able bool) error) (*running, error) {
	b := newBeginning(o.options, i, script)
	b.answer = greeted
	if o.options.Waiting != nil {
		b.long = func() { o.waiting.Do(o.options.Waiting) }
	}
	r, err := b.wait(ctx)
	if err == nil {
		r.errands = o.errands
	}
	return r, err
}

// applicationOf returns the application that the target's instance must belong to, or "" if the target is the
// application itself.
func (o *opener) applicationOf(target string) string {
	if !o.options.Application || target == o.options.Target {
		return ""
	}
	return o.options.Target
}

// open opens a stream to the outpost on the instance that a target leads to.
func (o *opener) open(ctx context.Context, target string, wait bool) (io.ReadWriteCloser, error) {
	if o.options.Line == nil {
		return nil, o.options.NoLine
	}
	return o.options.Line.Open(ctx, target, wait)
}

// withoutOutpost returns the error for a feature that needs the outpost when there is none.
func (o *opener) withoutOutpost(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &OutpostError{what, err}
}

// startInOutpost has the outpost at the end of a stream run a script's command, in a terminal if t is set.
func (o *opener) startInOutpost(conn io.ReadWriteCloser, script *script, t *terminal) (job, error) {
	kind, request := wire.TypeFiles, []byte(nil)
	if script.command != sftpCommand {
		e := &wire.Exec{Command: script.command, Environment: script.environment, Login: script.withLogin, Agent: script.agent}
		if t != nil {
			e.Terminal = t.request()
		}
		kind, request = wire.TypeExec, e.Payload()
	}
	st, err := openStream(conn, kind, request)
	if err != nil {
		return nil, err
	}
	if t != nil {
		t.attach(func(size windowSize) { st.send(wire.TypeResize, wire.Size(size).Payload()) })
	}
	return &outpostJob{st, o.options.Warn}, nil
}
