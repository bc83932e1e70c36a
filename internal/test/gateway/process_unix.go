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

// signals are the ones that SSH has names for (RFC 4254, section 6.10).
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

// startShell starts cmd as the leader of its own session and process group. If t is not nil, it is their terminal.
func startShell(cmd *exec.Cmd, t *terminal) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: t != nil}
	return cmd.Start()
}

// sendSignal sends a signal to the shell's process group, or to whatever is in the foreground of its terminal.
func sendSignal(shell *os.Process, t *terminal, name ssh.Signal) error {
	signal, ok := signals[name]
	if !ok {
		return fmt.Errorf("unknown signal %q", name)
	}
	group := shell.Pid
	if t != nil {
		foreground, err := t.foreground()
		// To kill, 0 is our own group and 1 is init.
		if err != nil || foreground <= 1 {
			return fmt.Errorf("nobody is in the foreground of the terminal")
		}
		group = foreground
	}
	return unix.Kill(-group, signal)
}

// endSession hangs up on what is left of the shell's session, including the shell itself, and kills what is still
// there after hangUpGrace. It returns when everything is gone.
func endSession(shell *os.Process) {
	// Rounds of killing, for a few seconds: some processes cannot be killed.
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
				unix.Kill(target, unix.SIGCONT) // or a stopped one would not hear it
				hungUp[target] = true
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// sessionTargets returns the processes of a session that have not ended, as kill(2) wants them. An interactive bash
// gives each job its own process group, so only /proc lists them all; without /proc (on systems other than Linux) it
// returns the process group of the session's leader. The leader may have been waited for: as long as the session has
// a process, its id is not reused.
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

// endingOf says how a shell ended. A signal without a name in SSH gets one with an @, as RFC 4254, section 6.10,
// requires.
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
