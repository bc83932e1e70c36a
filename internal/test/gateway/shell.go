package gateway

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// hangUpGrace is how long a shell and the processes that it started may take to end after SIGHUP before they are
// killed.
const hangUpGrace = time.Second

// runShell runs bash on an instance: on the session's terminal if it has one, else on pipes, from which bash reads
// its script. It returns when bash has ended and, without a terminal, all its output has been passed on. When ctx is
// done, it hangs up on bash. Either way it then hangs up on what bash left behind: nothing outlives the session that
// it was started in, except what has made itself a session of its own (setsid).
func (s *session) runShell(ctx context.Context, application Application, instance Instance, streams stdio) ending {
	cmd, err := s.shellCommand(application, instance)
	var output *pipes
	if err == nil {
		if s.terminal != nil {
			cmd.Stdin, cmd.Stdout, cmd.Stderr = s.terminal.tty, s.terminal.tty, s.terminal.tty
		} else {
			output, err = openPipes(cmd)
		}
	}
	if err == nil {
		err = startShell(cmd, s.terminal)
	}
	if err != nil {
		output.close()
		fmt.Fprintf(streams.err, "fakegateway: starting bash: %v\n", err)
		return ending{status: 127}
	}
	if s.terminal != nil {
		// If anybody else has the terminal open, the kernel discards the last output when bash exits.
		s.terminal.tty.Close()
	}
	s.shell.Store(cmd)
	exited := make(chan struct{})
	s.work.Go(func() {
		cmd.Wait()
		s.shell.Store(nil)
		close(exited)
	})
	finished := make(chan struct{})
	s.work.Go(func() {
		select {
		case <-finished:
			return
		case <-ctx.Done():
		}
		endSession(cmd.Process)
		// A process out of its reach may still have the other ends open.
		output.close()
	})
	output.copy(s, streams)
	<-exited
	close(finished)
	endSession(cmd.Process)
	return endingOf(cmd.ProcessState)
}

// shellCommand makes the command of an instance's shell. It reads no start-up files of this machine or its user, and
// its environment holds only what is named here.
func (s *session) shellCommand(application Application, instance Instance) (*exec.Cmd, error) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		return nil, err
	}
	// All sessions of an instance share one home, so that one finds what another left.
	home := filepath.Join(s.gateway.homes, instance.ID)
	applicationHome := filepath.Join(home, application.ID)
	// What a program keeps for itself on an instance stays there, and does not reach this machine's shared folder.
	for _, folder := range []string{applicationHome, filepath.Join(home, ".cache")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(bash, "--noprofile", "--norc")
	if s.command != "" {
		cmd.Args = append(cmd.Args, "-c", s.command)
	}
	cmd.Dir = home
	cmd.Env = append(s.environment,
		"HOME="+home,
		"PWD="+home,
		"USER=bas",
		"LOGNAME=bas",
		"SHELL="+bash,
		"PATH="+os.Getenv("PATH"),
		"APP_ID="+application.ID,
		"APP_HOME="+applicationHome,
		"INSTANCE_ID="+instance.ID,
		fmt.Sprintf("INSTANCE_NUMBER=%d", instance.Number),
		"INSTANCE_TYPE="+map[bool]string{false: "production", true: "build"}[instance.Build],
		// A literal $, because bash's \$ would show # to root. Shells without a terminal drop it.
		`PS1=bas@$INSTANCE_ID \w $ `,
		"INPUTRC="+os.DevNull,
	)
	return cmd, nil
}

// pipes connect a shell without a terminal. The methods accept nil, for a shell with one.
type pipes struct {
	stdin          *os.File    // the end to write to
	stdout, stderr *os.File    // the ends to read from
	shells         [3]*os.File // the shell's ends
}

// openPipes makes the three pipes of cmd.
func openPipes(cmd *exec.Cmd) (*pipes, error) {
	var p pipes
	var err error
	if p.shells[0], p.stdin, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.stdout, p.shells[1], err = os.Pipe(); err != nil {
		p.close()
		return nil, err
	}
	if p.stderr, p.shells[2], err = os.Pipe(); err != nil {
		p.close()
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.shells[0], p.shells[1], p.shells[2]
	return &p, nil
}

// copy passes on everything between the running shell and the session's channel. It returns at the end of the shell's
// output: when every process that inherited the output has closed it, too. The client's EOF closes the shell's input.
func (p *pipes) copy(s *session, streams stdio) {
	if p == nil {
		return
	}
	for _, file := range p.shells {
		file.Close()
	}
	s.work.Go(func() {
		io.Copy(p.stdin, streams.in)
		p.stdin.Close()
	})
	var output sync.WaitGroup
	output.Go(func() { io.Copy(streams.out, p.stdout) })
	output.Go(func() { io.Copy(streams.err, p.stderr) })
	output.Wait()
	p.close()
}

// close closes what is open. It may be called again, and while copy is running, which then ends.
func (p *pipes) close() {
	if p == nil {
		return
	}
	for _, file := range append(p.shells[:], p.stdin, p.stdout, p.stderr) {
		if file != nil {
			file.Close()
		}
	}
}
