package bridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// inner is one running ssh to the gateway.
type inner struct {
	target         string
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr *output       // stderr is nil if the two are one terminal
	exited         chan struct{} // closed when the process has ended
	known          End           // about its end; set by then
}

// startOnPipes starts an ssh to a target, with pipes. If tty is set, the session there still has a terminal,
// and ssh's own messages come on stdout.
func startOnPipes(o Options, target string, tty bool) (*inner, error) {
	cmd := o.Inner(target, tty)
	var files []*os.File
	pipe := func() (r, w *os.File, err error) {
		r, w, err = os.Pipe()
		if err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	inR, inW, err1 := pipe()
	outR, outW, err2 := pipe()
	errR, errW, err3 := (*os.File)(nil), outW, error(nil)
	if !tty {
		errR, errW, err3 = pipe()
	}
	err := errors.Join(err1, err2, err3)
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
		err = cmd.Start()
	}
	if err != nil {
		for _, f := range files {
			f.Close()
		}
		o.Ended(cmd)
		return nil, fmt.Errorf("starting ssh: %w", err)
	}
	for _, f := range []*os.File{inR, outW, errW} {
		f.Close()
	}
	i := &inner{target: target, cmd: cmd, stdin: inW, stdout: &output{file: outR}}
	if errR != nil {
		i.stderr = &output{file: errR}
	}
	i.watch(o.Ended)
	return i, nil
}

// watch waits in the background for a started command to end, and then asks ended about it.
func (i *inner) watch(ended func(*exec.Cmd) End) {
	i.exited = make(chan struct{})
	go func() {
		i.cmd.Wait()
		for _, o := range []*output{i.stdout, i.stderr} {
			if o != nil {
				o.processEnded()
			}
		}
		i.known = ended(i.cmd)
		close(i.exited)
	}()
}

// end ends the process, and returns when it has ended and its pipes are closed.
func (i *inner) end() {
	select {
	case <-i.exited:
	default:
		terminate(i.cmd.Process)
		select {
		case <-i.exited:
		case <-time.After(endGrace):
			i.cmd.Process.Kill()
			<-i.exited
		}
	}
	i.close()
}

// endGrace is how long an ssh may take to tell the gateway that it is ending.
const endGrace = 2 * time.Second

func (i *inner) close() {
	i.stdin.Close()
	i.stdout.Close()
	if i.stderr != nil {
		i.stderr.Close()
	}
}

// exitStatus returns the exit status of a process that has ended, which is its command's. The error is ErrLost
// if the status is not the command's.
//
// ssh exits with 255 when a signal ended the command, and does not say which one. A command may also exit with
// 255. To every OpenSSH client both look the same, with a bridge or without.
func (i *inner) exitStatus() (status int, err error) {
	status = i.cmd.ProcessState.ExitCode()
	if status < 0 || status > 255 {
		status = StatusFailed // a signal, or one of Windows's larger numbers
	}
	if status == StatusFailed && i.lost() {
		return status, ErrLost
	}
	return status, nil
}

// lost reports whether the connection of an ssh that has ended was lost while its command ran.
func (i *inner) lost() bool { return i.known.Lost != nil && i.known.Lost() }
