package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// windowSize is the size of a terminal as SSH tells it.
type windowSize struct{ Columns, Rows, Width, Height uint32 }

// terminal is one that a client has asked for. It is opened when its command starts.
type terminal struct {
	name string // $TERM

	mu         sync.Mutex
	size       windowSize
	controller *controller // nil until then
}

func parseTerminal(payload []byte) (*terminal, error) {
	// The modes are left at the system's defaults: ssh passes on those of its terminal, and clients send nearly the same.
	var request struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if err := ssh.Unmarshal(payload, &request); err != nil {
		return nil, err
	}
	if strings.Contains(request.Term, "\x00") {
		return nil, errors.New("the terminal's name holds a NUL byte")
	}
	return &terminal{name: request.Term, size: windowSize{request.Columns, request.Rows, request.Width, request.Height}}, nil
}

func (t *terminal) resize(size windowSize) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = size
	if t.controller != nil {
		t.controller.resize(size)
	}
}

// start starts an ssh in the terminal.
func (t *terminal) start(b *bridge) (*inner, error) {
	cmd := b.Inner(true)
	cmd.Env = append(cmd.Environ(), "TERM="+t.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.controller, err = startInTerminal(cmd, t.size); err != nil {
		b.Ended(cmd)
		return nil, fmt.Errorf("starting ssh in a terminal: %w", err)
	}
	file := t.controller.file
	return b.watch(cmd, file, &output{file: file}, nil), nil
}

// runInTerminal runs a command, or the interactive session if it is empty, in the session's terminal. It ends as run
// does.
func (s *session) runInTerminal(ctx context.Context, command string) (ending, error) {
	running, err := s.startInTerminal(ctx, command)
	if err != nil {
		return ending{status: statusFailed}, err
	}
	i := running.inner
	defer i.end()
	s.process.Store(&running.process)
	go io.Copy(i.stdin, s.channel) // its end means nothing to a terminal
	finished := make(chan struct{})
	go func() {
		if _, err := io.Copy(s.channel, running.stdout); err == nil {
			<-i.exited
		}
		close(finished)
	}()
	select {
	case <-finished:
		i.end()
		return i.ending()
	case <-ctx.Done():
		i.end()
		// The end of an ssh that shares a connection closes its session in a way that may not hang up.
		s.hangUp(running.process)
		return ending{status: statusFailed}, ctx.Err()
	}
}

// startInTerminal starts an ssh in the terminal, and the command in it.
func (s *session) startInTerminal(ctx context.Context, command string) (*begun, error) {
	script := newScript(command, s.environment)
	script.quiet = true
	if err := script.check(); err != nil {
		return nil, err
	}
	for tries := newAttempts(); ; {
		i, err := s.terminal.start(s.bridge)
		if err != nil {
			return nil, err
		}
		if command == "" {
			return &begun{inner: i, stdout: i.stdout}, nil
		}
		running, err := s.beginInTerminal(ctx, i, script)
		if err == nil {
			return running, nil
		}
		i.end()
		if script, err = s.another(ctx, tries, script, err); err != nil {
			return nil, err
		}
	}
}

// beginInTerminal has the instance's shell, which shows a prompt and what it is sent, begin the command. All that is
// noise; and what the client types waits, or the shell would have it.
func (s *session) beginInTerminal(ctx context.Context, i *inner, script *script) (*begun, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	script.greeted = func(able bool) error {
		body := script.terminalBody()
		if !able && len(body) > maxTerminalLine {
			return fmt.Errorf("the command is too long: the instance has no stty, without which a terminal takes %d bytes", maxTerminalLine)
		}
		go io.WriteString(i.stdin, body)
		return nil
	}
	go func() {
		// Until ssh has its session, it may ask for a passphrase in this terminal.
		if s.terminal.controller.awaitRaw(ctx) {
			io.WriteString(i.stdin, script.terminalLine())
		}
	}()
	return s.await(ctx, i, script)
}
