package bridge

import (
	"context"
	"time"
)

// starter begins commands on the instance that is the right one: through its outpost, or in the shell that the gateway
// opens there.
type starter struct {
	opener  *opener
	chooser *chooser
	signals *signaller
}

func newStarter(o Options) *starter {
	s := &starter{opener: newOpener(o)}
	s.chooser = newChooser(s.opener)
	s.signals = newSignaller(s.opener)
	s.opener.errands = s.signals
	return s
}

// begin begins a command without a terminal. If an outpost is running, it gets the command at once. Otherwise
// the shell gets it, since nothing waits for an outpost to come up, and begin returns when the command's
// markers have come back on both streams. From then on, every byte in either direction is the command's. If
// begin returns an error, the command does not run, and the error is one of Run's.
//
// begin tries again if the network failed, or login files got in the way, before the command began. It tries
// elsewhere if the instance has gone.
func (s *starter) begin(ctx context.Context, script *script) (job, error) {
	return s.try(ctx, script, s.outpostFirst(s.onChosen, nil))
}

// beginAt begins a command like begin, on the instance that target leads to.
func (s *starter) beginAt(ctx context.Context, script *script, target string) (job, error) {
	return s.opener.tryAt(ctx, script, target, s.outpostFirst(s.onNamed, nil))
}

// beginInOutpost begins a command that only the outpost can run, and waits for the outpost. The argument what names
// the feature that needs it, for messages.
func (s *starter) beginInOutpost(ctx context.Context, first *script, t *terminal, what string) (job, error) {
	return s.try(ctx, first, func(ctx context.Context, script *script, target string) (job, error) {
		conn, err := s.opener.open(ctx, target, true)
		if err != nil {
			return nil, s.opener.withoutOutpost(ctx, what, err)
		}
		return s.opener.startInOutpost(conn, script, t)
	})
}

// outpostFirst returns an attempt that gives the command to an outpost if one is running, or if nothing else works.
func (s *starter) outpostFirst(otherwise attempt, t *terminal) attempt {
	return func(ctx context.Context, script *script, target string) (job, error) {
		for {
			if conn, err := s.opener.open(ctx, target, false); err == nil {
				if j, err := s.opener.startInOutpost(conn, script, t); err == nil {
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
			case err == nil || s.opener.options.Line == nil || !wayAround(err):
				return j, err
			}
			conn, errLine := s.opener.open(ctx, target, true)
			if errLine != nil {
				return nil, err
			}
			return s.opener.startInOutpost(conn, script, t)
		}
	}
}

// beginInTerminal begins a command in a terminal. It returns when the last marker has come back. The error is
// one of begin's, or ErrLost if the command may be running.
func (s *starter) beginInTerminal(ctx context.Context, first *script, t *terminal) (job, error) {
	first = first.inTerminal()
	return s.try(ctx, first, s.outpostFirst(func(ctx context.Context, script *script, target string) (job, error) {
		return s.opener.inTerminal(ctx, script, target, t)
	}, t))
}

// openInteractive opens a terminal's interactive session. A person sees all its output, and the gateway may ask
// questions.
func (s *starter) openInteractive(ctx context.Context, t *terminal) (job, error) {
	target := s.opener.options.Target
	if s.opener.options.Instance != Unselected {
		var err error
		if target, err = s.find(ctx); err != nil {
			return nil, err
		}
	}
	i, _, err := t.start(s.opener.options, target)
	if err != nil {
		return nil, err
	}
	return &running{inner: i, stdout: i.stdout, errands: s.opener.errands}, nil
}

// find returns the target of the instance that is meant. It reads the list and looks at the instance.
func (s *starter) find(ctx context.Context) (target string, err error) {
	if !s.opener.options.Application {
		return s.opener.options.Target, nil
	}
	for tries := (attempts{options: s.opener.options, since: time.Now()}); ; {
		chosen, err := s.chooser.find(ctx)
		if err != nil {
			return "", err
		}
		target = s.chooser.targetOf(chosen[0])
		if target != s.opener.options.Target {
			err = s.opener.verify(ctx, target)
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

// try makes attempts to begin a command until one succeeds, or fails in a way that others would too. Each
// attempt goes to the instance that is the right one by then.
func (s *starter) try(ctx context.Context, script *script, once attempt) (job, error) {
	if err := script.check(); err != nil {
		return nil, err
	}
	for tries := (attempts{options: s.opener.options, since: time.Now()}); ; {
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

// onChosen is onPipes for an instance that the chooser picked.
func (s *starter) onChosen(ctx context.Context, script *script, target string) (job, error) {
	return s.opener.onPipes(ctx, script, target, func() bool { return s.chooser.stillChosen(target) })
}

// onNamed is onPipes for an instance that was named: no other will do.
func (s *starter) onNamed(ctx context.Context, script *script, target string) (job, error) {
	return s.opener.onPipes(ctx, script, target, func() bool { return true })
}
