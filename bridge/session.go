package bridge

import (
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// session is one session channel (RFC 4254, section 6).
type session struct {
	bridge  *bridge
	channel ssh.Channel

	// Requests set these before the command is started, and none changes them later.
	environment []string
	terminal    *terminal // nil if none was requested
	started     bool
	command     string // empty for an interactive session

	signaled atomic.Pointer[string] // the last signal that the client had sent to the command

	mu        sync.Mutex
	processes []process // of the command, once it has begun: one on each of its instances
}

// began takes note of a process of the command.
func (s *session) began(p process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
}

// send has a signal sent to the command, and reports whether it can.
func (s *session) send(signal string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bridge.signals.send(signal, s.processes)
}

// serveSession serves one session channel until it is closed, and returns when its command has ended.
func serveSession(ctx context.Context, b *bridge, channel ssh.NewChannel) {
	ch, requests, err := channel.Accept()
	if err != nil {
		return
	}
	var command sync.WaitGroup
	defer command.Wait()
	defer ch.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{bridge: b, channel: ch}
	for {
		select {
		case <-ctx.Done():
			return
		case request, ok := <-requests:
			if !ok {
				return
			}
			before := s.started
			request.Reply(s.handle(request), nil)
			// Only now, so that the reply comes before the first output.
			if s.started && !before {
				command.Go(func() { s.end(s.run(ctx)) })
			}
		}
	}
}

// handle carries out one request, except for running the command that it starts, and reports whether it could.
func (s *session) handle(request *ssh.Request) bool {
	switch request.Type {
	case "pty-req":
		wish, err := parseTerminalRequest(request.Payload)
		if s.started || s.terminal != nil || err != nil {
			return false
		}
		if !haveTerminals {
			s.tell(s.bridge.options.Message(ErrNoTerminal))
			return false
		}
		s.terminal = &terminal{name: wish.name, size: wish.size}
		return true

	case "window-change":
		size, err := parseWindowChange(request.Payload)
		if s.terminal == nil || err != nil {
			return false
		}
		s.terminal.resize(size)
		return true

	case "env":
		var variable struct{ Name, Value string }
		return !s.started && ssh.Unmarshal(request.Payload, &variable) == nil && s.addVariable(variable.Name, variable.Value)

	case "signal":
		name, err := parseText(request.Payload)
		if err != nil || !s.send(name) {
			return false
		}
		s.signaled.Store(&name)
		return true

	case "eow@openssh.com":
		// Nobody reads the command's output any more. sshd would close the command's stdout; here the command gets the
		// signal that this would cause.
		return s.send("PIPE")

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

// parseText reads the payload of a request that holds one string.
func parseText(payload []byte) (string, error) {
	var request struct{ Text string }
	err := ssh.Unmarshal(payload, &request)
	return request.Text, err
}

// start notes the session's command, unless there is one.
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
func (s *session) run(ctx context.Context) (status int, err error) {
	all := s.bridge.options.Instance == All
	if what := s.forOneOnly(); all && what != "" {
		return StatusFailed, &AllError{what}
	}
	var r *running
	starter, script := s.bridge.starter, newScript(s.command, s.environment)
	with := streams{s.channel, s.channel, s.channel.Stderr()}
	switch {
	case all:
		return s.bridge.runOnAll(ctx, script, with, s.began)
	case s.terminal == nil:
		r, err = starter.begin(ctx, script)
	case s.command == "":
		r, err = starter.openInteractive(ctx, s.terminal)
	default:
		r, err = starter.beginInTerminal(ctx, script, s.terminal)
	}
	if err != nil {
		return StatusFailed, err
	}
	s.began(r.process)
	return s.bridge.carry(ctx, r, with)
}

// forOneOnly is what the session wants that cannot be had of several instances at once; empty if it wants nothing of the kind.
func (s *session) forOneOnly() string {
	switch {
	case s.terminal != nil:
		return "a terminal"
	case s.command == sftpCommand, carriesFiles.MatchString(s.command):
		return "files"
	}
	return ""
}

// carriesFiles is how scp, sftp, rsync and git call their other end.
var carriesFiles = regexp.MustCompile(`^\s*(?:\S*/)?(?:scp\s+(?:-\S+\s+)*-[tf]\b|sftp-server\b|rsync\s+--server\b|git[- ](?:upload-pack|receive-pack|upload-archive)\b)`)

// maxVariables is how many environment variables a client may set.
const maxVariables = 64

// addVariable accepts what sshd accepts as Debian and others configure it: the language.
func (s *session) addVariable(name, value string) bool {
	if name != "LANG" && !strings.HasPrefix(name, "LC_") || len(s.environment) == maxVariables || len(value) > 1024 || strings.Contains(value, "\x00") {
		return false
	}
	for _, c := range []byte(name) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	s.environment = append(s.environment, name+"="+value)
	return true
}

// tell shows the client's user a message.
func (s *session) tell(text string) {
	if s.terminal != nil {
		text = strings.ReplaceAll(text, "\n", "\r\n") // the client's own terminal is raw
	}
	io.WriteString(s.channel.Stderr(), text)
}

// end tells the client how the command ended, and closes the channel.
func (s *session) end(status int, err error) {
	if err != nil {
		s.tell(s.bridge.options.Message(err))
	}
	signal := ""
	// ssh does not say which signal ended a command. If the client had one sent, it was that.
	if name := s.signaled.Load(); name != nil && err == nil && status == StatusFailed {
		signal = *name
	}
	request, payload := exitReport(status, signal)
	s.channel.SendRequest(request, false, payload)
	s.channel.CloseWrite()
	s.channel.Close()
}

// exitReport is the request that tells a client the exit status of its command, or the signal that ended it, without
// "SIG", if there was one (RFC 4254, section 6.10).
func exitReport(status int, signal string) (request string, payload []byte) {
	if signal == "" {
		return "exit-status", ssh.Marshal(struct{ Status uint32 }{uint32(status)})
	}
	return "exit-signal", ssh.Marshal(struct {
		Signal            string
		CoreDumped        bool
		Message, Language string
	}{Signal: signal})
}
