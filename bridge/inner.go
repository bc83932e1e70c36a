package bridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// inner is one running ssh to the gateway.
type inner struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr *output       // stderr is nil if the two are one terminal
	exited         chan struct{} // closed when the process has ended
	known          End           // of its end, set then
}

// startInner starts an ssh on pipes of its own.
func (b *bridge) startInner() (*inner, error) {
	cmd := b.Inner(false)
	var files []*os.File
	closeAll := func() {
		for _, f := range files {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File, err error) {
		r, w, err = os.Pipe()
		if err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	inR, inW, err1 := pipe()
	outR, outW, err2 := pipe()
	errR, errW, err3 := pipe()
	err := errors.Join(err1, err2, err3)
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, errW
		err = cmd.Start()
	}
	if err != nil {
		closeAll()
		b.Ended(cmd)
		return nil, fmt.Errorf("starting ssh: %w", err)
	}
	for _, f := range []*os.File{inR, outW, errW} {
		f.Close()
	}
	return b.watch(cmd, inW, &output{file: outR}, &output{file: errR}), nil
}

// watch waits for a command that was started.
func (b *bridge) watch(cmd *exec.Cmd, stdin io.WriteCloser, stdout, stderr *output) *inner {
	i := &inner{cmd: cmd, stdin: stdin, stdout: stdout, stderr: stderr, exited: make(chan struct{})}
	go func() {
		cmd.Wait()
		for _, o := range []*output{stdout, stderr} {
			if o != nil {
				o.processEnded()
			}
		}
		i.known = b.Ended(cmd)
		close(i.exited)
	}()
	return i
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

func (i *inner) close() {
	i.stdin.Close()
	i.stdout.Close()
	if i.stderr != nil {
		i.stderr.Close()
	}
}

// endGrace is how long an ssh may take to tell the gateway that it ends.
const endGrace = 2 * time.Second

// ending is how the process, which has ended, and with it its command did so.
func (i *inner) ending() (ending, error) {
	code := i.cmd.ProcessState.ExitCode()
	if code < 0 || code > 255 {
		code = statusFailed // a signal, or one of Windows's larger numbers
	}
	if code == statusFailed && i.lost() {
		return ending{status: code}, ErrLost
	}
	return ending{status: code}, nil
}

// lost tells whether the connection of an ssh that has ended did so, and not what ran there.
func (i *inner) lost() bool { return i.known.Lost != nil && i.known.Lost() }

// statusFailed is what ssh ends with when it failed itself, and what it makes of a command's death by a signal.
const statusFailed = 255

// output reads from a process to the end. That is the end of the pipe, or its silence when the process has
// ended: an ssh that was the first of several leaves a master in the background, some versions of which keep
// stderr open.
type output struct {
	file  *os.File
	ended atomic.Bool
}

// silence is how long nothing may come from a pipe whose process has ended, and which somebody still has open.
const silence = 500 * time.Millisecond

func (o *output) Read(buf []byte) (int, error) {
	for {
		fresh := o.ended.Load()
		if fresh {
			// Where pipes have no deadlines there are no masters in the background either.
			o.file.SetReadDeadline(time.Now().Add(silence))
		}
		n, err := o.file.Read(buf)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !fresh {
			continue // it ended while we were reading: what is left is read with a deadline of its own
		}
		if n == 0 && err != nil {
			return 0, io.EOF // of a terminal, the end is an error
		}
		return n, nil
	}
}

func (o *output) processEnded() {
	o.ended.Store(true)
	o.file.SetReadDeadline(time.Now().Add(silence))
}

func (o *output) Close() error { return o.file.Close() }
