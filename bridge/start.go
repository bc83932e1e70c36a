package bridge

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// starter begins commands on the instance: each in an ssh of its own, by the shell that the gateway opens there.
type starter struct {
	options Options
	chooser *chooser
	turns   chan struct{} // holds one for each command that is about to begin
	waiting sync.Once
}

// maxStarting is how many commands begin at once. Each may be a login of its own, and a browser at a SOCKS proxy opens
// dozens of connections at a time. sshd lets a connection have ten sessions, and ten connections log in.
const maxStarting = 8

func newStarter(o Options) *starter {
	s := &starter{options: o, turns: make(chan struct{}, maxStarting)}
	s.chooser = newChooser(s)
	return s
}

// begin begins a command, without a terminal. It returns when the command's markers have come back on both streams: from
// then on every byte is the command's, and so is every byte sent there. If it returns an error, the command does not run.
// The error is a *QuestionError, *NoInstanceError, *RefusedError, *ClosedError, *SilentError or ctx.Err(), or ssh could not
// be started.
//
// It tries again if the network failed, or login files got in the way, before the command began, and elsewhere if the
// instance has gone.
func (s *starter) begin(ctx context.Context, script *script) (*running, error) {
	return s.try(ctx, script, s.onChosen)
}

// beginAt begins a command as begin does, on the instance that a target leads to.
func (s *starter) beginAt(ctx context.Context, script *script, target string) (*running, error) {
	return s.tryAt(ctx, script, target, s.onNamed)
}

// beginInTerminal begins a command in a terminal. It returns when the last marker has come back. The error is one of
// begin's, or ErrLost: then the command may run.
func (s *starter) beginInTerminal(ctx context.Context, first *script, t *terminal) (*running, error) {
	first.onTerminal = true
	return s.try(ctx, first, func(ctx context.Context, script *script, target string) (*running, error) {
		return s.inTerminal(ctx, script, target, t)
	})
}

// openInteractive opens a terminal's interactive session, for a person who sees everything, and whom the gateway may ask.
func (s *starter) openInteractive(ctx context.Context, t *terminal) (*running, error) {
	target := s.options.Target
	if s.options.Instance != Unselected {
		var err error
		if target, err = s.find(ctx); err != nil {
			return nil, err
		}
	}
	i, err := t.start(s.options, target)
	if err != nil {
		return nil, err
	}
	return &running{inner: i, stdout: i.stdout}, nil
}

// applicationOf is the application that the instance must belong to that a target leads to, if the target is not that application.
func (s *starter) applicationOf(target string) string {
	if !s.options.Application || target == s.options.Target {
		return ""
	}
	return s.options.Target
}

// find returns the target of the instance that is meant, after a look at the list, and at the instance.
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
type attempt func(ctx context.Context, s *script, target string) (*running, error)

// try makes attempts to begin a command until one succeeds, or fails in a way that others would. Each goes to the instance
// that is the right one by then.
func (s *starter) try(ctx context.Context, script *script, once attempt) (*running, error) {
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

// tryAt makes attempts as try does, all of them at one target.
func (s *starter) tryAt(ctx context.Context, script *script, target string, once attempt) (*running, error) {
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

// onChosen is onPipes on an instance that was chosen.
func (s *starter) onChosen(ctx context.Context, script *script, target string) (*running, error) {
	return s.onPipes(ctx, script, target, func() bool { return s.chooser.stillChosen(target) })
}

// onNamed is onPipes on an instance that must be this one.
func (s *starter) onNamed(ctx context.Context, script *script, target string) (*running, error) {
	return s.onPipes(ctx, script, target, func() bool { return true })
}

// onPipes has the instance's shell begin a command, if the instance is still the right one when the shell has answered.
func (s *starter) onPipes(ctx context.Context, script *script, target string, stillRight func() bool) (*running, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	script.belongsTo = s.applicationOf(target)
	i, err := startOnPipes(s.options, target)
	if err != nil {
		return nil, err
	}
	// In a goroutine: it may be longer than a pipe holds, and ssh reads it only when it is connected.
	go io.WriteString(i.stdin, script.line())
	r, err := s.await(ctx, i, script, nil)
	if err == nil && !stillRight() {
		err = errReplaced
	}
	if err == nil {
		err = giveGoAhead(ctx, i)
	}
	if err != nil {
		i.end()
		return nil, err
	}
	return r, nil
}

// inTerminal has the instance's shell begin a command, where the shell shows a prompt and what it is sent. All that is
// noise. What the client types waits meanwhile, or the shell would take it.
func (s *starter) inTerminal(ctx context.Context, script *script, target string, t *terminal) (*running, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	script.belongsTo = s.applicationOf(target)
	i, err := t.start(s.options, target)
	if err != nil {
		return nil, err
	}
	go func() {
		// Until ssh has its session, it may ask for a passphrase in this terminal.
		if t.controller.awaitRaw(ctx) {
			io.WriteString(i.stdin, script.terminalLine())
		}
	}()
	r, err := s.await(ctx, i, script, func(able bool) error {
		body := script.terminalBody()
		if !able && len(body) > maxTerminalLine {
			return fmt.Errorf("the command is too long: the instance has no stty, without which a terminal takes %d bytes", maxTerminalLine)
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

// await waits for a command to begin. If greeted is set, the shell's hello is answered with it.
func (s *starter) await(ctx context.Context, i *inner, script *script, greeted func(able bool) error) (*running, error) {
	b := newBeginning(s.options, i, script)
	if greeted != nil {
		b.answer = greeted
	}
	if s.options.Waiting != nil {
		b.long = func() { s.waiting.Do(s.options.Waiting) }
	}
	return b.wait(ctx)
}

// giveGoAhead lets the command run. If nothing reads this, the command's end will show it.
func giveGoAhead(ctx context.Context, i *inner) error {
	given := make(chan struct{})
	go func() {
		io.WriteString(i.stdin, goAhead)
		close(given)
	}()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
