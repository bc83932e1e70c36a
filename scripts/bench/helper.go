package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// usage is what a helper used.
type usage struct {
	cpu  float64 // user and system time, in seconds
	peak float64 // the most resident memory, in MB
}

// runHelper runs a ProxyCommand on this process's own stdin and stdout, and writes to a file what it used. No data
// passes through this process. ssh ends its helper with a SIGHUP and does not wait for it. runHelper passes the
// signal on, and the file appears a little later.
func runHelper(file string, command []string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	// Only the helper holds the pipes, so either side sees the other go.
	os.Stdin.Close()
	os.Stdout.Close()
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // ssh judges how it ended
		close(ended)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	peak := highWater(cmd.Process.Pid)
	for {
		select {
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		case s := <-signals:
			peak = max(peak, highWater(cmd.Process.Pid))
			cmd.Process.Signal(s)
		case <-ended:
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			text := fmt.Sprintf("%g %g\n", cpu.Seconds(), float64(peak)/1e6)
			if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		}
	}
}

// highWater returns the most resident memory that a process has had so far, in bytes; 0 if there is no /proc. What
// the system reports at a process's end (ru_maxrss) will not do: it starts with what the parent held, and a small
// helper holds less than a Go program that starts it.
func highWater(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kib int64
	fmt.Sscan(string(rest), &kib)
	return kib << 10
}

// readUsage waits for what runHelper writes.
func readUsage(file string) (u usage, err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var text []byte
		if text, err = os.ReadFile(file); err == nil {
			_, err = fmt.Sscan(string(text), &u.cpu, &u.peak)
			return u, err
		}
	}
	return u, fmt.Errorf("the helper has not ended: %w", err)
}

// chunk is how many bytes the far end moves at once: twice a pipe, so that it costs little.
const chunk = 128 << 10

// runFar is the far end of a transfer: a source writes that many zeros to stdout, a sink takes that many bytes from
// stdin. It writes to a file when the transfer began, because starting the connection is not part of it; both ends
// share a clock.
func runFar(end, size, file string) error {
	left, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, fmt.Append(nil, time.Now().UnixNano()), 0o600); err != nil {
		return err
	}
	move := os.Stdout.Write
	if end == "sink" {
		move = os.Stdin.Read
	}
	for buffer := make([]byte, chunk); left > 0; {
		n, err := move(buffer[:min(left, chunk)])
		if left -= int64(n); err != nil && left > 0 {
			return err
		}
	}
	return nil
}

// readStart reads what runFar wrote.
func readStart(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return time.Unix(0, n), err
}
