//go:build unix

package gateway

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// signals are those that SSH has names for (RFC 4254, section 6.10).
var signals = map[ssh.Signal]syscall.Signal{
	ssh.SIGABRT: syscall.SIGABRT,
	ssh.SIGALRM: syscall.SIGALRM,
	ssh.SIGFPE:  syscall.SIGFPE,
	ssh.SIGHUP:  syscall.SIGHUP,
	ssh.SIGILL:  syscall.SIGILL,
	ssh.SIGINT:  syscall.SIGINT,
	ssh.SIGKILL: syscall.SIGKILL,
	ssh.SIGPIPE: syscall.SIGPIPE,
	ssh.SIGQUIT: syscall.SIGQUIT,
	ssh.SIGSEGV: syscall.SIGSEGV,
	ssh.SIGTERM: syscall.SIGTERM,
	ssh.SIGUSR1: syscall.SIGUSR1,
	ssh.SIGUSR2: syscall.SIGUSR2,
}

// startShell starts cmd as the leader of a session and process group of its own, which has t, if it is not nil, as
// its terminal.
func startShell(cmd *exec.Cmd, t *terminal) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: t != nil}
	return cmd.Start()
}

// sendSignal sends a signal to the shell's process group, or to whoever is in the foreground of its terminal.
func sendSignal(shell *os.Process, t *terminal, name ssh.Signal) error {
	signal, ok := signals[name]
	if !ok {
		return fmt.Errorf("unknown signal %q", name)
	}
	group := shell.Pid
	if t != nil {
		foreground, err := t.foreground()
		// 0 is our own group to kill, and 1 is init.
		if err != nil || foreground <= 1 {
			return fmt.Errorf("nobody is in the foreground of the terminal")
		}
		group = foreground
	}
	return unix.Kill(-group, signal)
}

// endSession hangs up on what is left of the shell's session, the shell itself included, and kills what is still
// there when hangUpGrace has passed. It returns when all is gone.
func endSession(shell *os.Process) {
	// Rounds of killing, some seconds: there are processes that cannot be killed.
	const enough = 1000
	begin := time.Now()
	hungUp := make(map[int]bool)
	for kills := 0; kills < enough; {
		targets := sessionTargets(shell.Pid)
		if len(targets) == 0 {
			return
		}
		killing := time.Since(begin) > hangUpGrace
		if killing {
			kills++
		}
		for _, target := range targets {
			switch {
			case killing:
				unix.Kill(target, unix.SIGKILL)
			case !hungUp[target]:
				unix.Kill(target, unix.SIGHUP)
				unix.Kill(target, unix.SIGCONT) // or one that is stopped would not hear it
				hungUp[target] = true
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// sessionTargets returns, as kill(2) wants them, the processes of a session that have not ended. An interactive bash
// gives each job a process group of its own, so that only /proc tells them all; where there is none (not on Linux) it
// is the process group of the session's leader. The leader may have been waited for: as long as a process has the
// session, its id is not given out again.
func sessionTargets(session int) []int {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		if unix.Kill(-session, 0) != nil {
			return nil
		}
		return []int{-session}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var targets []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// proc(5): the process id, the name in parentheses, which may hold anything, state, parent, process group, session.
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 4 || string(fields[3]) != strconv.Itoa(session) {
			continue
		}
		if state := fields[0][0]; state != 'Z' && state != 'X' {
			targets = append(targets, pid)
		}
	}
	return targets
}

// endingOf says how a shell ended. A signal that SSH has no name for gets one with an @, as RFC 4254, section 6.10
// wants it.
func endingOf(state *os.ProcessState) ending {
	status := state.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		return ending{status: status.ExitStatus()}
	}
	for name, signal := range signals {
		if signal == status.Signal() {
			return ending{signal: string(name), coreDumped: status.CoreDump()}
		}
	}
	return ending{signal: fmt.Sprintf("%d@fakegateway", int(status.Signal())), coreDumped: status.CoreDump()}
}
