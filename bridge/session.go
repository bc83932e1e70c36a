package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/pattern"
)

// session is one session channel (RFC 4254, section 6).
type session struct {
	bridge  *bridge
	listens *listeners // the client's
	channel ssh.Channel

	// Requests set these before the command starts. Nothing changes them later.
	environment []string
	terminal    *terminal // nil if the client requested none
	agent       string    // the name of its listener on the instance; empty if not requested or not available
	started     bool
	command     string // empty for an interactive session

	mu      sync.Mutex
	jobs    []job    // the command, once it has begun: one job on each of its instances
	signals []string // what the client sent so far; a job that begins later gets these signals, too
}

// maxSignals bounds how many signals a session keeps for jobs that have not begun yet.
const maxSignals = 16

// began adds a job to the session.
func (s *session) began(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, j)
	for _, name := range s.signals {
		j.signal(name)
	}
}

// signal sends a signal to the command, and reports whether it could. With keep, jobs that begin later get it, too:
// sshd starts a command before it reads the next request, so clients do not wait to send a signal.
func (s *session) signal(name string, keep bool) (sent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		sent = j.signal(name) || sent
	}
	if keep && len(s.signals) < maxSignals {
		s.signals = append(s.signals, name)
		sent = sent || len(s.jobs) == 0
	}
	return sent
}

// serveSession serves one session channel until it is closed. It returns when the channel's command has ended.
func serveSession(ctx context.Context, b *bridge, l *listeners, channel ssh.NewChannel) {
	ch, requests, err := channel.Accept()
	if err != nil {
		return
	}
	var command sync.WaitGroup
	defer command.Wait()
	defer ch.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{bridge: b, listens: l, channel: ch}
	for {
		select {
		case <-ctx.Done():
			return
		case request, ok := <-requests:
			if !ok {
				return
			}
			before := s.started
			request.Reply(s.handle(ctx, request), nil)
			// Only now, so that the reply goes out before the first output.
			if s.started && !before {
				command.Go(func() { s.end(s.run(ctx)) })
			}
		}
	}
}

// handle carries out one request and reports whether it could. If the request starts a command, handle does not
// run it.
func (s *session) handle(ctx context.Context, request *ssh.Request) bool {
	switch request.Type {
	case "pty-req":
		return s.requestTerminal(request.Payload)

	case "window-change":
		size, err := parseWindowChange(request.Payload)
		if s.terminal == nil || err != nil {
			return false
		}
		s.terminal.resize(size)
		return true

	case "env":
		return s.setVariable(request.Payload)

	case "auth-agent-req@openssh.com":
		return s.requestAgent(ctx)

	case "x11-req":
		err := errors.New("X11 forwarding to an instance is not supported; the command runs without it")
		s.tell(s.bridge.options.Message(err))
		return false

	case "signal":
		name, err := parseText(request.Payload)
		return err == nil && s.started && isSignal(name) && s.signal(name, true)

	case "eow@openssh.com":
		// Nobody reads the command's output any more. sshd would close the command's stdout; here the command
		// gets the signal that this would cause.
		return s.signal("PIPE", false)

	case "shell":
		return s.start("")

	case "exec":
		command, err := parseText(request.Payload)
		if command == s.bridge.options.Target {
			command = "" // the interactive session
		}
		return err == nil && s.start(command)

	case "subsystem":
		name, err := parseText(request.Payload)
		return err == nil && name == "sftp" && s.start(sftpCommand)
	}
	return false
}

// requestTerminal notes the terminal that the client wants.
func (s *session) requestTerminal(payload []byte) bool {
	wish, err := parseTerminalRequest(payload)
	if s.started || s.terminal != nil || err != nil {
		return false
	}
	if !haveTerminals && s.bridge.options.Line == nil {
		s.tell(s.bridge.options.Message(ErrNoTerminal))
		return false
	}
	s.terminal = &terminal{name: wish.name, size: wish.size, modes: wish.modes}
	return true
}

// setVariable adds a variable to the command's environment.
func (s *session) setVariable(payload []byte) bool {
	var variable struct{ Name, Value string }
	if s.started || ssh.Unmarshal(payload, &variable) != nil || !acceptsVariable(s.environment, variable.Name, variable.Value) {
		return false
	}
	s.environment = append(s.environment, variable.Name+"="+variable.Value)
	return true
}

// requestAgent makes the client's agent reachable for the command.
func (s *session) requestAgent(ctx context.Context) bool {
	if s.started {
		return false
	}
	var err error
	if s.agent, err = s.listens.forwardAgent(ctx); err != nil {
		s.tell(s.bridge.options.Message(fmt.Errorf("the command runs without your agent: %w", err)))
	}
	return err == nil
}

// start notes the session's command, unless it already has one.
func (s *session) start(command string) bool {
	if s.started {
		return false
	}
	if command == "" && s.terminal == nil {
		command = shellCommand
	}
	s.started, s.command = true, command
	return true
}

// run runs the session's command to its end.
func (s *session) run(ctx context.Context) (exit, error) {
	all := s.bridge.options.Instance == All
	if what := s.forOneOnly(); all && what != "" {
		return exit{status: StatusFailed}, &AllError{what}
	}
	starter, script := s.bridge.starter, newScript(s.command, s.environment)
	with := streams{s.channel, s.channel, s.channel.Stderr()}
	script.agent = s.agent
	switch {
	case all:
		return starter.runOnAll(ctx, script, with, s.began)
	case s.command == sftpCommand:
		return serveFiles(ctx, starter, script, with, s.began)
	}
	return runJob(ctx, with, s.began, func() (job, error) {
		switch {
		case s.agent != "":
			return starter.beginInOutpost(ctx, script, s.terminal, "-A")
		case s.terminal == nil:
			return starter.begin(ctx, script)
		}
		open := func() (job, error) { return starter.beginInTerminal(ctx, script, s.terminal) }
		if s.command == "" {
			open = func() (job, error) { return starter.openInteractive(ctx, s.terminal) }
		}
		j, err := open()
		if errors.Is(err, ErrNoTerminal) && starter.opener.options.Line != nil {
			// The instance has a terminal.
			return starter.beginInOutpost(ctx, script.again(), s.terminal, "-t on this machine")
		}
		return j, err
	})
}

// forOneOnly names a feature that the session wants and that works with one instance only; empty if it wants
// none.
func (s *session) forOneOnly() string {
	switch {
	case s.terminal != nil:
		return "a terminal"
	case s.command == sftpCommand, carriesFiles().MatchString(s.command):
		return "files"
	}
	return ""
}

// carriesFiles matches the commands with which scp, sftp, rsync and git start their other end.
var carriesFiles = pattern.New(`^\s*(?:\S*/)?(?:` +
	`scp\s+(?:-\S+\s+)*-[tf]\b|sftp-server\b|rsync\s+--server\b|` +
	`git[- ](?:upload-pack|receive-pack|upload-archive)\b)`)

// tell shows the client's user a message.
func (s *session) tell(text string) {
	if s.terminal != nil {
		text = strings.ReplaceAll(text, "\n", "\r\n") // the client's own terminal is raw
	}
	io.WriteString(s.channel.Stderr(), text)
}

// end tells the client how the command ended, and closes the channel.
func (s *session) end(e exit, err error) {
	if err != nil {
		s.tell(s.bridge.options.Message(err))
	}
	request, payload := exitReport(e)
	s.channel.SendRequest(request, false, payload)
	s.channel.CloseWrite()
	s.channel.Close()
}
