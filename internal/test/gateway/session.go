package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// session is one session channel (RFC 4254, section 6), from the requests that prepare it, through the choice of an
// instance, to the end of the shell there.
type session struct {
	gateway *Gateway
	account *Account
	conn    *net.TCPConn
	channel ssh.Channel

	// The requests set these before the session starts; they do not change afterwards.
	terminal    *terminal // nil: none was requested
	environment []string  // what the client may set, and TERM
	command     string    // what the shell runs; if it is empty, the shell reads commands
	number      int       // the session's place in Events
	started     bool

	choosing atomic.Bool // the gateway is asking, no shell has the terminal yet
	shell    atomic.Pointer[exec.Cmd]
	work     sync.WaitGroup
}

// stdio is what the gateway uses before the shell does: the terminal, or the channel.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// serve answers the channel's requests until the channel or the connection is closed. It then hangs up on the shell,
// and returns when everything in the session has ended.
func (s *session) serve(requests <-chan *ssh.Request) {
	ctx, hangUp := context.WithCancel(context.Background())
	for request := range requests {
		ok, start := s.handle(request)
		if !ok {
			s.gateway.refused(request.Type)
		}
		request.Reply(ok, nil)
		// Not earlier, so that the reply comes before the first output.
		if start != nil {
			s.work.Go(func() { start(ctx) })
		}
	}
	hangUp()
	s.work.Wait()
	if s.terminal != nil {
		s.terminal.close()
	}
	s.channel.Close()
}

// handle carries out one channel request (RFC 4254, sections 6.2 to 6.9). If the request starts the session, calling
// start does so.
func (s *session) handle(request *ssh.Request) (ok bool, start func(context.Context)) {
	switch request.Type {
	case "pty-req":
		// The modes stay at the system's defaults: what clients send is nearly the same.
		var pty struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        string
		}
		if s.started || s.terminal != nil || ssh.Unmarshal(request.Payload, &pty) != nil {
			return false, nil
		}
		terminal, err := openTerminal(windowSize{pty.Columns, pty.Rows, pty.Width, pty.Height})
		if err != nil {
			s.gateway.logf("opening a pseudo-terminal: %v", err)
			fmt.Fprintf(s.channel.Stderr(), "fakegateway: opening a pseudo-terminal: %v\n", err)
			return false, nil
		}
		s.terminal = terminal
		s.environment = append(s.environment, "TERM="+pty.Term)
		return true, nil

	case "window-change":
		if s.gateway.DeafTerminals {
			return true, nil
		}
		var size windowSize
		if s.terminal == nil || ssh.Unmarshal(request.Payload, &size) != nil {
			return false, nil
		}
		return s.terminal.resize(size) == nil, nil

	case "env":
		var variable struct{ Name, Value string }
		if s.started || ssh.Unmarshal(request.Payload, &variable) != nil {
			return false, nil
		}
		if variable.Name != "LANG" && !s.gateway.grants(request.Type) && !strings.HasPrefix(variable.Name, "LC_") {
			return false, nil
		}
		s.environment = append(s.environment, variable.Name+"="+variable.Value)
		return true, nil

	case "signal":
		var signal struct{ Name string }
		shell := s.shell.Load()
		if shell == nil || ssh.Unmarshal(request.Payload, &signal) != nil {
			return false, nil
		}
		return sendSignal(shell.Process, s.terminal, ssh.Signal(signal.Name)) == nil, nil

	case "shell", "exec":
		var slot struct{ Command string } // a shell request has no command, and means the menu
		if s.started || request.Type == "exec" && ssh.Unmarshal(request.Payload, &slot) != nil {
			return false, nil
		}
		s.started = true
		s.gateway.record(func(events *Events) {
			s.number = len(events.Sessions)
			events.Sessions = append(events.Sessions, Session{Target: slot.Command, TTY: s.terminal != nil})
		})
		s.gateway.logf("%s: session: target %q, terminal %t", s.conn.RemoteAddr(), slot.Command, s.terminal != nil)
		return true, func(ctx context.Context) { s.run(ctx, slot.Command) }
	}
	return s.gateway.grants(request.Type), nil
}

// run leads the client to the target, passes on all output, and then reports how it ended. It breaks off when ctx is
// done.
func (s *session) run(ctx context.Context, target string) {
	if s.terminal == nil && s.gateway.AlwaysTerminal {
		s.terminal, _ = openTerminal(windowSize{Columns: 80, Rows: 24})
	}
	if s.terminal == nil {
		s.end(s.visit(ctx, target, s.gateway.filter(stdio{s.channel, s.channel, s.channel.Stderr()})))
		return
	}
	tty := s.terminal
	s.choosing.Store(true)
	s.work.Go(func() {
		// This is the hang-up: readers of the terminal see its end, and the shell gets SIGHUP. Until then it stays
		// open, even at the client's EOF, which means nothing to a terminal.
		<-ctx.Done()
		tty.controller.Close()
	})
	var typed io.Reader = s.channel
	if s.gateway.TerminalInput != nil {
		typed = s.gateway.TerminalInput(typed)
	}
	s.work.Go(func() { io.Copy(keyboard{tty.controller, &s.choosing}, typed) })
	var output sync.WaitGroup
	output.Go(func() { io.Copy(s.channel, tty.controller) })
	how := s.visit(ctx, target, stdio{tty.tty, tty.tty, tty.tty})
	// The output ends when nobody has the terminal open any longer.
	tty.tty.Close()
	output.Wait()
	s.end(how)
}

// visit finds the instance and runs its shell to the end.
func (s *session) visit(ctx context.Context, target string, streams stdio) ending {
	target, s.command = s.gateway.splitSlot(target)
	application, instance, err := s.gateway.choose(s.account, target, streams)
	s.choosing.Store(false)
	if err != nil {
		fmt.Fprintf(streams.err, "Error: Failed to choose instance: 'Error while running choice script: %v'\n", err)
		return ending{status: 1}
	}
	s.gateway.record(func(events *Events) { events.Sessions[s.number].Instance = instance.ID })
	s.greet(streams)
	if s.gateway.Fail == AtSession {
		if s.terminal != nil {
			fmt.Fprintf(streams.out, "bas@%s ~ $ ", instance.ID)
		}
		return ending{status: -1, brokenOff: true}
	}
	ctx, leave := s.gateway.enterInstance(ctx, application.ID, instance.ID)
	defer leave()
	return s.gateway.ends(s.runShell(ctx, application, instance, streams))
}

// keyboard passes on what the client types to a terminal. While the gateway asks, nothing is in the foreground of the
// terminal, and an interrupt (^C) would have no effect. So keyboard then turns it into an end of input (^D) as well.
type keyboard struct {
	controller io.Writer
	choosing   *atomic.Bool
}

func (k keyboard) Write(typed []byte) (int, error) {
	if !k.choosing.Load() {
		return k.controller.Write(typed)
	}
	const interrupt, endOfInput = "\x03", "\x04"
	_, err := io.WriteString(k.controller, strings.ReplaceAll(string(typed), interrupt, interrupt+endOfInput))
	return len(typed), err
}

// ending is how a session ended.
type ending struct {
	status     int    // the exit status, if signal is empty
	signal     string // the name of the signal without "SIG"
	coreDumped bool
	brokenOff  bool // end the connection without a word
}

// end records how the session ended, tells the client, and closes the channel (RFC 4254, section 6.10).
func (s *session) end(how ending) {
	if how.signal != "" {
		how.status = -1
	}
	s.gateway.record(func(events *Events) {
		session := &events.Sessions[s.number]
		session.Ended, session.ExitStatus, session.Signal = true, how.status, how.signal
	})
	s.gateway.logf("%s: session ended: exit status %d, signal %q", s.conn.RemoteAddr(), how.status, how.signal)
	switch {
	case how.brokenOff:
		s.conn.CloseWrite()
		return
	case how.signal != "":
		s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal            string
			CoreDumped        bool
			Message, Language string
		}{Signal: how.signal, CoreDumped: how.coreDumped}))
	case how.status >= 0:
		s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(how.status)}))
	}
	s.channel.CloseWrite()
	s.channel.Close()
}
