package bridge

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
)

// Every shell that may be /bin/sh on an instance finds the process that a signal is meant for.
func TestSignalCommand(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "dash", "busybox sh", "ksh", "zsh --emulate sh"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			test.Slow(t)
			words := strings.Fields(shell)
			test.Need(t, words[0], "sleep")
			sleep := exec.Command("sleep", "1000")
			sleep.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			defer sleep.Process.Kill()
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", sleep.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
			start, err := strconv.ParseUint(fields[19], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			command := signalCommand("TERM", []process{{id: uint64(sleep.Process.Pid), start: start}})
			out, err := exec.Command(words[0], append(words[1:], "-c", command)...).CombinedOutput()
			sleep.Process.Kill() // too late if the signal has ended it
			sleep.Wait()
			if got := sleep.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != syscall.SIGTERM || err != nil {
				t.Errorf("it ended of %v; %v, %s", got, err, out)
			}
		})
	}
}
