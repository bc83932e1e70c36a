package bridge

import (
	"context"
	"io"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// session is one session channel (RFC 4254, section 6).
type session struct {
	*client
	channel ssh.Channel

	// Set by the requests before the command is started, not changed later.
	environment []string
	terminal    *terminal // nil: none was requested
	started     bool

	process  atomic.Pointer[process] // of the command, as soon as it has begun
	signaled atomic.Pointer[string]  // the last signal that the client had sent to it
}

// session serves one channel until it is closed, and returns when its command has ended.
func (c *client) session(ctx context.Context, channel ssh.NewChannel) {
	ch, requests, err := channel.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{client: c, channel: ch}
	for {
		select {
		case <-ctx.Done():
			return
		case request, ok := <-requests:
			if !ok {
				return
			}
			ok, start := s.handle(request)
			request.Reply(ok, nil)
			// Only now, so that the reply comes before the first output.
			if start != nil {
				c.work.Go(func() { s.end(start(ctx)) })
			}
		}
	}
}

// handle carries out one request. If it starts the command, start does so.
func (s *session) handle(request *ssh.Request) (ok bool, start func(context.Context) (ending, error)) {
	switch request.Type {
	case "pty-req":
		t, err := parseTerminal(request.Payload)
		if s.started || s.terminal != nil || err != nil {
			return false, nil
		}
		if !haveTerminals {
			s.say(s.Message(ErrNoTerminal))
			return false, nil
		}
		s.terminal = t
		return true, nil

	case "window-change":
		var size windowSize
		if s.terminal == nil || ssh.Unmarshal(request.Payload, &size) != nil {
			return false, nil
		}
		s.terminal.resize(size)
		return true, nil

	case "env":
		var variable struct{ Name, Value string }
		if s.started || ssh.Unmarshal(request.Payload, &variable) != nil || !s.addVariable(variable.Name, variable.Value) {
			return false, nil
		}
		return true, nil

	case "signal":
		var signal struct{ Name string }
		process := s.process.Load()
		if ssh.Unmarshal(request.Payload, &signal) != nil || process == nil || !s.signal(signal.Name, *process) {
			return false, nil
		}
		s.signaled.Store(&signal.Name)
		return true, nil

	case "eow@openssh.com":
		// Nobody reads the command's output any more. ssh would close its stdout; here it is told by the signal that it would get.
		process := s.process.Load()
		return process != nil && s.signal("PIPE", *process), nil

	case "shell":
		return s.begin("")

	case "exec":
		var slot struct{ Command string }
		if ssh.Unmarshal(request.Payload, &slot) != nil {
			return false, nil
		}
		if slot.Command == s.Target {
			slot.Command = "" // the interactive session
		}
		return s.begin(slot.Command)

	case "subsystem":
		var subsystem struct{ Name string }
		if ssh.Unmarshal(request.Payload, &subsystem) != nil || subsystem.Name != "sftp" {
			return false, nil
		}
		return s.begin(sftpCommand)
	}
	return false, nil
}

// begin starts a command, or the interactive session if it is empty.
func (s *session) begin(command string) (ok bool, start func(context.Context) (ending, error)) {
	if s.started {
		return false, nil
	}
	s.started = true
	if s.terminal != nil {
		return true, func(ctx context.Context) (ending, error) { return s.runInTerminal(ctx, command) }
	}
	if command == "" {
		command = shellCommand
	}
	return true, func(ctx context.Context) (ending, error) {
		script := newScript(command, s.environment)
		script.begun = func(p process) { s.process.Store(&p) }
		return s.run(ctx, script, streams{s.channel, s.channel, s.channel.Stderr()})
	}
}

// maxVariables is how much of an environment a client may bring.
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

// say shows the client's user something.
func (s *session) say(text string) {
	if s.terminal != nil {
		text = strings.ReplaceAll(text, "\n", "\r\n") // the client's terminal does not
	}
	io.WriteString(s.channel.Stderr(), text)
}

// end tells the client how the command ended, and closes the channel (RFC 4254, section 6.10).
func (s *session) end(how ending, err error) {
	if err != nil {
		s.say(s.Message(err))
	}
	// ssh tells no more than that a signal has ended the command, if it was one.
	if signal := s.signaled.Load(); signal != nil && err == nil && how.status == statusFailed {
		how.signal = *signal
	}
	if how.signal != "" {
		s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal            string
			CoreDumped        bool
			Message, Language string
		}{Signal: how.signal}))
	} else {
		s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(how.status)}))
	}
	s.channel.CloseWrite()
	s.channel.Close()
}
