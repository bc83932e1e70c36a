package bridge

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// signaller sends signals to commands on the instance. The SSH protocol has a request for that, but the ssh
// program cannot send it: so a second command sends the signal. It also runs the other errands.
type signaller struct {
	opener  *opener
	senders sync.WaitGroup
	ending  *endOfInput

	hangingUp sync.Mutex // held while a hang-up is on its way
	mu        sync.Mutex
	doomed    []process // for the next hang-up
}

func newSignaller(o *opener) *signaller {
	return &signaller{opener: o, ending: newEndOfInput(o.losesEnd)}
}

// wait waits until all errands are done. Nobody may send another one.
func (s *signaller) wait() {
	s.senders.Wait()
	s.ending.close()
}

// send sends a signal to a process in the background, and reports whether it can.
func (s *signaller) send(name string, p process) bool {
	if !p.known() || !isSignal(name) {
		return false
	}
	s.senders.Go(func() { s.kill(name, []process{p}) })
	return true
}

// hangUp ends a command whose client has gone. sshd does that only with a terminal; any other command would go
// on until it writes something.
//
// All calls while a hang-up is on its way share the next one: when a client with a hundred tunnels ends, there
// are a hundred calls.
func (s *signaller) hangUp(p process) {
	if !p.known() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doomed = append(s.doomed, p)
	if len(s.doomed) > 1 {
		return
	}
	s.senders.Go(func() {
		s.hangingUp.Lock()
		defer s.hangingUp.Unlock()
		s.mu.Lock()
		doomed := s.doomed
		s.doomed = nil
		s.mu.Unlock()
		s.kill("HUP", doomed)
	})
}

func (s *signaller) inputEnded(target string, finished <-chan struct{}, spoil func(error)) {
	s.ending.watch(target, finished, spoil)
}

// kill does not use a command's context, because that command has ended. The processes may be on several
// instances.
func (s *signaller) kill(name string, processes []process) {
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	on := map[string][]process{}
	for _, p := range processes {
		on[p.target] = append(on[p.target], p)
	}
	var all sync.WaitGroup
	for target, processes := range on {
		all.Go(func() {
			script := newScript(signalCommand(name, processes), nil).withoutLogin()
			question := new(QuestionError)
			if err := s.run(ctx, script, target); !errors.As(err, &question) || target != s.opener.options.Target {
				return
			}
			// There are several instances by now. Only the right process has this id and this start time.
			for at, i := range question.Instances {
				if at < maxStarting {
					all.Go(func() { s.run(ctx, script.again(), i.ID) })
				}
			}
		})
	}
	all.Wait()
}

func (s *signaller) run(ctx context.Context, script *script, target string) error {
	r, err := s.opener.beginInShellAt(ctx, script, target)
	if err == nil {
		r.process = process{} // no signals for the command that sends one
		r.carry(ctx, streams{strings.NewReader(""), io.Discard, io.Discard})
	}
	return err
}

// killTimeout is how long this process stays for a signal to reach the instance.
const killTimeout = 10 * time.Second
