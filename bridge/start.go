package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// starter begins commands on the instance: through its outpost, or each through an ssh of its own, in the shell
// that the gateway opens there.
type starter struct {
	options Options
	chooser *chooser
	signals *signaller
	turns   chan struct{} // one entry for each command that is about to begin
	waiting sync.Once
	ending  *endOfInput
}

// maxStarting is how many commands begin at once. Each may be a login of its own, and a browser at a SOCKS proxy opens
// dozens of connections at a time. sshd lets a connection have ten sessions, and ten connections log in.
const maxStarting = 8

func newStarter(o Options) *starter {
	s := &starter{options: o, turns: make(chan struct{}, maxStarting)}
	s.chooser = newChooser(s)
	s.signals = &signaller{starter: s}
	s.ending = newEndOfInput(s.endArrives)
	return s
}

// begin begins a command without a terminal. If an outpost is running, it gets the command at once. Otherwise
// the shell gets it, since nothing waits for an outpost to come up, and begin returns when the command's
// markers have come back on both streams. From then on, every byte in either direction is the command's. If
// begin returns an error, the command does not run. The error is a *QuestionError, *NoInstanceError,
// *RefusedError, *ClosedError, *SilentError or ctx.Err(), or ssh could not be started.
//
// begin tries again if the network failed, or login files got in the way, before the command began. It tries
// elsewhere if the instance has gone.
func (s *starter) begin(ctx context.Context, script *script) (job, error) {
	return s.try(ctx, script, s.farFirst(s.onChosen, nil))
}

// beginAt begins a command like begin, on the instance that target leads to.
func (s *starter) beginAt(ctx context.Context, script *script, target string) (job, error) {
	return s.tryAt(ctx, script, target, s.farFirst(s.onNamed, nil))
}

// beginInShellAt begins a command like beginAt, without an outpost.
func (s *starter) beginInShellAt(ctx context.Context, script *script, target string) (*running, error) {
	return s.runningAt(ctx, script, target, s.inShell)
}

// beginRawAt begins a command like beginInShellAt, in a session whose terminal becomes a plain pipe.
func (s *starter) beginRawAt(ctx context.Context, script *script, target string) (*running, error) {
	script = script.onRawTerminal()
	script.command = "exec 2>/dev/null\n" + script.command // or stderr would mix with stdout
	return s.runningAt(ctx, script, target, s.inShell)
}

func (s *starter) runningAt(ctx context.Context, script *script, target string, once attempt) (*running, error) {
	j, err := s.tryAt(ctx, script, target, once)
	if err != nil {
		return nil, err
	}
	return j.(*running), nil
}

// beginFar begins a command that only the outpost can run, and waits for the outpost. The argument what names
// the feature that needs it, for messages.
func (s *starter) beginFar(ctx context.Context, first *script, t *terminal, what string) (job, error) {
	return s.try(ctx, first, func(ctx context.Context, script *script, target string) (job, error) {
		conn, err := s.open(ctx, target, true)
		if err != nil {
			return nil, s.withoutOutpost(ctx, what, err)
		}
		return s.startFar(conn, script, t)
	})
}

// farFirst returns an attempt that gives the command to an outpost if one is running, or if nothing else works.
func (s *starter) farFirst(otherwise attempt, t *terminal) attempt {
	return func(ctx context.Context, script *script, target string) (job, error) {
		for {
			if conn, err := s.open(ctx, target, false); err == nil {
				if j, err := s.startFar(conn, script, t); err == nil {
					s.chooser.passedBy(target)
					return j, nil
				}
			}
			j, err := otherwise(ctx, script, target)
			switch {
			case err == errThereNow:
				script = script.again()
				script.unwatched = true // once is enough, or an outpost that comes and goes would keep the command from running
				continue
			case err == nil || s.options.Line == nil || !wayAround(err):
				return j, err
			}
			conn, errLine := s.open(ctx, target, true)
			if errLine != nil {
				return nil, err
			}
			return s.startFar(conn, script, t)
		}
	}
}

// beginInTerminal begins a command in a terminal. It returns when the last marker has come back. The error is
// one of begin's, or ErrLost if the command may be running.
func (s *starter) beginInTerminal(ctx context.Context, first *script, t *terminal) (job, error) {
	first = first.inTerminal()
	return s.try(ctx, first, s.farFirst(func(ctx context.Context, script *script, target string) (job, error) {
		return s.inTerminal(ctx, script, target, t)
	}, t))
}

// openInteractive opens a terminal's interactive session. A person sees all its output, and the gateway may ask
// questions.
func (s *starter) openInteractive(ctx context.Context, t *terminal) (job, error) {
	target := s.options.Target
	if s.options.Instance != Unselected {
		var err error
		if target, err = s.find(ctx); err != nil {
			return nil, err
		}
	}
	i, _, err := t.start(s.options, target)
	if err != nil {
		return nil, err
	}
	return &running{inner: i, stdout: i.stdout, signals: s.signals}, nil
}

// applicationOf returns the application that the target's instance must belong to, or "" if the target is the
// application itself.
func (s *starter) applicationOf(target string) string {
	if !s.options.Application || target == s.options.Target {
		return ""
	}
	return s.options.Target
}

// find returns the target of the instance that is meant. It reads the list and looks at the instance.
func (s *starter) find(ctx context.Context) (target string, err error) {
	if !s.options.Application {
		return s.options.Target, nil
	}
	for tries := (attempts{options: s.options, since: time.Now()}); ; {
		chosen, err := s.chooser.find(ctx)
		if err != nil {
			return "", err
		}
		target = s.chooser.targetOf(chosen[0])
		if target != s.options.Target {
			err = s.verify(ctx, target)
		}
		if err == nil {
			s.chooser.announce(chosen[0])
			return target, nil
		}
		if _, err = tries.next(ctx, newScript("", nil), err, s.chooser.forget(chosen[0], err)); err != nil {
			return "", err
		}
	}
}

// attempt tries once to begin a script's command at a target.
type attempt func(ctx context.Context, s *script, target string) (job, error)

// try makes attempts to begin a command until one succeeds, or fails in a way that others would too. Each
// attempt goes to the instance that is the right one by then.
func (s *starter) try(ctx context.Context, script *script, once attempt) (job, error) {
	if err := script.check(); err != nil {
		return nil, err
	}
	for tries := (attempts{options: s.options, since: time.Now()}); ; {
		chosen, err := s.chooser.choose(ctx)
		if err != nil {
			return nil, err
		}
		r, err := once(ctx, script, s.chooser.targetOf(chosen))
		if err == nil {
			s.chooser.reached.Store(true)
			return r, nil
		}
		if (s.chooser.learn(chosen, err) || err == errReplaced) && tries.mayMove() {
			script = script.again()
			continue
		}
		if script, err = tries.next(ctx, script, err, s.chooser.forget(chosen, err)); err != nil {
			return nil, err
		}
	}
}

// tryAt makes attempts like try, all of them at one target.
func (s *starter) tryAt(ctx context.Context, script *script, target string, once attempt) (job, error) {
	for tries := (attempts{options: s.options, since: time.Now()}); ; {
		r, err := once(ctx, script, target)
		if err == nil {
			return r, nil
		}
		if script, err = tries.next(ctx, script, err, false); err != nil {
			return nil, err
		}
	}
}

// onChosen is onPipes for an instance that the chooser picked.
func (s *starter) onChosen(ctx context.Context, script *script, target string) (job, error) {
	return s.onPipes(ctx, script, target, func() bool { return s.chooser.stillChosen(target) })
}

// onNamed is onPipes for an instance that was named: no other will do.
func (s *starter) onNamed(ctx context.Context, script *script, target string) (job, error) {
	return s.onPipes(ctx, script, target, func() bool { return true })
}

// inShell is onPipes for commands that belong in the shell whether or not an outpost is running.
func (s *starter) inShell(ctx context.Context, script *script, target string) (job, error) {
	return s.onPipes(ctx, script, target, nil)
}

// onPipes has the instance's shell begin a command. If stillRight is set, onPipes gives up in two cases: the
// instance has become the wrong one by the time the shell answers, or an outpost is running by then and no
// shell is needed. In the second case the error is errThereNow.
func (s *starter) onPipes(ctx context.Context, script *script, target string, stillRight func() bool) (job, error) {
	watched := stillRight != nil && !script.unwatched && s.options.Line != nil
	if err := s.takeTurn(ctx, target, watched); err != nil {
		return nil, err
	}
	defer func() { <-s.turns }()
	script.belongsTo = s.applicationOf(target)
	i, err := startOnPipes(s.options, target, script.raw)
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
	r, err := s.awaitOrOutpost(ctx, i, script, greeted, watched)
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
func (s *starter) awaitOrOutpost(ctx context.Context, i *inner, script *script, greeted func(bool) error, outpost bool) (*running, error) {
	if !outpost {
		return s.await(ctx, i, script, greeted)
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
			if conn, err := s.open(ctx, i.target, false); err == nil {
				conn.Close()
				cancel(errThereNow)
			}
		}
	}()
	r, err := s.await(ctx, i, script, greeted)
	if err != nil && context.Cause(ctx) == errThereNow {
		err = errThereNow
	}
	return r, err
}

// slowLook is how often a command looks for an outpost while the shell has not answered.
const slowLook = time.Second

// takeTurn waits for a turn to begin a command. The error is ctx.Err(), or, if watched is set, errThereNow:
// while it waited for others, an outpost appeared, which needs no turns.
func (s *starter) takeTurn(ctx context.Context, target string, watched bool) error {
	tick := time.NewTicker(turnLook)
	defer tick.Stop()
	for {
		select {
		case s.turns <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if !watched {
				continue
			}
			if conn, err := s.open(ctx, target, false); err == nil {
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
func (s *starter) inTerminal(ctx context.Context, script *script, target string, t *terminal) (job, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	script.belongsTo = s.applicationOf(target)
	i, controller, err := t.start(s.options, target)
	if err != nil {
		return nil, err
	}
	go func() {
		// Until ssh has its session, it may ask for a passphrase in this terminal.
		if controller.awaitRaw(ctx) {
			io.WriteString(i.stdin, script.terminalLine())
		}
	}()
	r, err := s.await(ctx, i, script, func(able bool) error {
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
func (s *starter) await(ctx context.Context, i *inner, script *script, greeted func(able bool) error) (*running, error) {
	b := newBeginning(s.options, i, script)
	b.answer = greeted
	if s.options.Waiting != nil {
		b.long = func() { s.waiting.Do(s.options.Waiting) }
	}
	r, err := b.wait(ctx)
	if err == nil {
		r.signals = s.signals
	}
	return r, err
}
