//go:build linux

package outpost

import (
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// process is a program running in a session of its own.
type process struct {
	id     int
	exited chan struct{}
	status syscall.WaitStatus // once it has exited

	mu     sync.Mutex
	reaped bool
}

// program is what a process runs.
type program struct {
	path        string
	arguments   []string // the first is its own name
	environment []string
	files       []*os.File // from descriptor 0 on; nil for none
	terminal    int        // the descriptor of its controlling terminal; negative if it has none
}

// starter starts processes on a thread that lives as long as the outpost. When that thread ends, the kernel
// hangs up the processes that it started. So no process outlives its outpost, even if the outpost was killed.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func (p *program) start() (*process, error) {
	system := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGHUP}
	if p.terminal >= 0 {
		system.Setctty, system.Ctty = true, p.terminal
	}
	attributes := &syscall.ProcAttr{Dir: home(), Env: p.environment, Sys: system}
	for _, file := range p.files {
		// Each end of a pipe blocks or not on its own. This end is the process's, which needs a blocking one.
		attributes.Files = append(attributes.Files, file.Fd())
	}
	var id int
	var err error
	done := make(chan struct{})
	starter() <- func() {
		defer close(done)
		id, err = syscall.ForkExec(p.path, p.arguments, attributes)
	}
	<-done
	if err != nil {
		return nil, err
	}
	started := &process{id: id, exited: make(chan struct{})}
	go started.wait()
	return started, nil
}

// home returns the folder that commands begin in; empty for the outpost's own.
func home() string {
	folder := os.Getenv("HOME")
	if info, err := os.Stat(folder); err != nil || !info.IsDir() || unix.Access(folder, unix.X_OK) != nil {
		return ""
	}
	return folder
}

// wait reaps the process. Until then nobody else gets its id.
func (p *process) wait() {
	for unix.Waitid(unix.P_PID, p.id, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	p.reaped = true
	for {
		if _, err := syscall.Wait4(p.id, &p.status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	p.mu.Unlock()
	close(p.exited)
}

// signal sends a signal to the process's group, unless it has exited.
func (p *process) signal(number syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		syscall.Kill(-p.id, number)
	}
}

// exit returns how the process ended.
func (p *process) exit() wire.Exit {
	if !p.status.Signaled() {
		return wire.Exit{Status: uint32(p.status.ExitStatus())}
	}
	return wire.Exit{Signal: signalName(p.status.Signal()), Core: p.status.CoreDump()}
}
