//go:build linux

package outpost

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// loginFilesNote is for a person whose login files end their shell, or replace it with another one.
const loginFilesNote = "the login files on the instance ended the shell; the command runs without them"

// lingering is how long a terminal may take to end after its shell, if nothing holds it open.
const lingering = 200 * time.Millisecond

// command is the command, or the shell, that a stream runs.
type command struct {
	stream  *stream
	request *wire.Exec
	shell   shell
	theirs  [3]*os.File    // the command's stdin, stdout and stderr
	ours    []*os.File     // the other ends
	output  sync.WaitGroup // done when all of it has been sent

	mu       sync.Mutex
	tty      *os.File // nil on pipes
	process  *process
	early    []syscall.Signal // what came before there was a process
	signaled bool
	hungUp   bool
}

// maxEarly bounds how many signals wait for the process.
const maxEarly = 16

// exec serves a command.
func (s *stream) exec(request *wire.Exec) {
	c := &command{stream: s, request: request, shell: findShell()}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		if err := c.run(); err != nil {
			s.fail(reason(err))
		}
	}()
	s.receive(c.control)
	c.hangUp()
	<-finished
}

// control handles a frame that carries no data.
func (c *command) control(t wire.Type, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch t {
	case wire.TypeSignal:
		number, ok := signals[string(payload)]
		c.signaled = c.signaled || ok
		switch {
		case !ok:
		case c.process != nil:
			c.process.signal(number)
		case len(c.early) < maxEarly:
			c.early = append(c.early, number)
		}
		return nil
	case wire.TypeResize:
		size, err := wire.ParseSize(payload)
		if err != nil {
			return err
		}
		if c.request.Terminal != nil {
			c.request.Terminal.Size = size // in case there is no terminal yet
		}
		if c.tty != nil {
			resize(c.tty, size)
		}
		return nil
	}
	return wire.ErrMalformed
}

// hangUp hangs up a command whose client is gone. As with sshd, a command that ignores this keeps running.
func (c *command) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hungUp = true
	if c.process != nil {
		c.process.signal(syscall.SIGHUP)
	}
}

// run runs the command to its end. The error says why it did not begin.
func (c *command) run() error {
	if strings.ContainsRune(c.request.Command, 0) {
		return errors.New("the command contains a NUL byte")
	}
	environment, err := c.environment()
	if err != nil {
		return err
	}
	defer c.close()
	open := c.openPipes
	if c.request.Terminal != nil {
		open = c.openTerminal
	}
	if err := open(); err != nil {
		return err
	}

	text := c.request.Command
	if text == "" && c.request.Terminal == nil {
		text = readsCommands
	}
	plain := c.shell.plain(text)
	if text == "" {
		plain = c.shell.interactive()
	}
	plain.environment, plain.files, plain.terminal = environment, c.theirs[:], -1
	if c.request.Terminal != nil {
		plain.environment = append(plain.environment, "SSH_TTY="+c.theirs[0].Name())
		plain.terminal = 0
	}
	if c.request.Login && text != "" && descriptorsHavePaths() {
		began, err := c.runLogin(text, plain)
		if began || err != nil {
			return err
		}
	}
	if c.shell.bash && text != "" {
		plain.environment = without(plain.environment, "BASH_ENV")
	}
	if err := c.start(plain); err != nil {
		return err
	}
	c.finish()
	return nil
}

// runLogin runs the command after the login files, and returns false if they end their shell.
func (c *command) runLogin(text string, plain *program) (began bool, err error) {
	report, reports, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer report.Close()
	defer reports.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer null.Close()

	p := c.shell.login(text, c.theirs)
	p.environment, p.terminal = plain.environment, -1
	p.files = make([]*os.File, reportDescriptor+1)
	p.files[0], p.files[1], p.files[2], p.files[reportDescriptor] = null, null, null, reports
	if plain.terminal >= 0 {
		p.files[terminalDescriptor], p.terminal = c.theirs[0], terminalDescriptor
	}
	if err := c.start(p); err != nil {
		return false, err
	}
	reports.Close()
	if !c.begins(report) && !c.wasEnded() {
		c.stream.write(wire.TypeNote, []byte(loginFilesNote))
		return false, nil
	}
	c.finish()
	return true, nil
}

// begins waits until the login files have been read, and reports whether the shell that is to run the command
// is running.
func (c *command) begins(report *os.File) bool {
	process := c.process
	go func() {
		select {
		case <-process.exited:
		case <-c.stream.ended:
		}
		report.SetReadDeadline(time.Unix(1, 0))
	}()
	b := make([]byte, 1)
	n, _ := report.Read(b)
	if n == 0 {
		// Whatever was reported before the shell exited is still there. A process that login files started may
		// hold the pipe open.
		if raw, err := report.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), b) })
		}
	}
	return n > 0
}

// wasEnded reports whether the client ended the command, or wanted it to end. A client that is gone may not have
// caused the hang-up yet.
func (c *command) wasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signaled || c.hungUp || c.stream.hasEnded()
}

// start starts a program. If it is the command's first, start tells the bridge so, and lets the data flow.
func (c *command) start(p *program) error {
	started, err := p.start()
	c.mu.Lock()
	first := c.process == nil
	if err == nil {
		c.process = started
		for _, number := range c.early {
			started.signal(number)
		}
		c.early = nil
		if c.hungUp {
			started.signal(syscall.SIGHUP)
		}
	}
	c.mu.Unlock()
	if err != nil && !first {
		// The bridge knows that the command has begun. Shells use this status for such a failure.
		c.stream.write(wire.TypeNote, []byte(reason(err)))
		c.stream.write(wire.TypeExit, (&wire.Exit{Status: 126}).Payload())
		c.stream.end()
		return nil
	}
	if err != nil || !first {
		return err
	}
	if err := c.stream.begun(wire.Begun{}); err != nil {
		c.stream.end()
		return nil
	}
	c.stream.deliver(stdin{c.ours[0], c.request.Terminal != nil}, func() {})
	for n, file := range c.ours[1:] { // a terminal has only one
		raw, err := file.SyscallConn()
		if err != nil {
			return err
		}
		c.output.Add(1)
		go func() {
			defer c.output.Done()
			c.stream.pump([]wire.Type{wire.TypeData, wire.TypeErrorData}[n], raw)
		}()
	}
	return nil
}

// finish waits until the command and its output have ended. A background process may hold the output open.
func (c *command) finish() {
	for _, file := range c.theirs {
		file.Close()
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		<-c.process.exited
		if c.request.Terminal != nil {
			// A background process may hold the terminal open. As with sshd, the session still ends with the
			// shell, once everything that is there has been sent.
			master := c.ours[0]
			defer time.AfterFunc(lingering, func() { master.SetReadDeadline(time.Unix(1, 0)) }).Stop()
			c.output.Wait()
			c.stream.drain(master)
			return
		}
		c.output.Wait()
	}()
	select {
	case <-sent:
		exit := c.process.exit()
		c.stream.write(wire.TypeExit, exit.Payload())
	case <-c.stream.ended:
	}
	c.stream.end()
}

// openPipes makes the command's stdin, stdout and stderr.
func (c *command) openPipes() error {
	for n := range c.theirs {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		if n == 0 {
			r, w = w, r
		}
		c.ours = append(c.ours, r)
		c.theirs[n] = w
	}
	return nil
}

func (c *command) close() {
	c.mu.Lock()
	c.tty = nil
	c.mu.Unlock()
	for _, file := range append(c.ours, c.theirs[:]...) {
		file.Close()
	}
}

// stdin is the outpost's end of a command's stdin.
type stdin struct {
	*os.File
	terminal bool
}

// CloseWrite closes a pipe. A terminal's input has no end.
func (s stdin) CloseWrite() error {
	if s.terminal {
		return nil
	}
	return s.Close()
}

// environment returns the command's environment.
func (c *command) environment() ([]string, error) {
	environment := os.Environ()
	add := func(name, value string) {
		environment = append(without(environment, name), name+"="+value)
	}
	for _, variable := range c.request.Environment {
		name, value, ok := strings.Cut(variable, "=")
		if !ok || name == "" || strings.ContainsRune(variable, 0) {
			return nil, errors.New("an environment variable is malformed")
		}
		add(name, value)
	}
	if c.request.Agent != "" {
		if path := c.stream.server.agentPath(c.request.Agent, c.stream.ended); path != "" {
			add("SSH_AUTH_SOCK", path)
		}
	}
	if t := c.request.Terminal; t != nil {
		if strings.ContainsRune(t.Name, 0) {
			return nil, errors.New("the terminal type contains a NUL byte")
		}
		environment = without(environment, "SSH_TTY")
		if t.Name != "" {
			add("TERM", t.Name)
		}
	}
	return environment, nil
}

// without returns an environment without a variable.
func without(environment []string, name string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool {
		return strings.HasPrefix(variable, name) && strings.HasPrefix(variable[len(name):], "=")
	})
}
