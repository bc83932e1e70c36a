package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/test"

	"golang.org/x/sys/unix"
)

// Interrupting setup while it waits for another one ends it at once.
func TestInterruptedWhileLocked(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	settings := filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml")
	must(t, os.MkdirAll(filepath.Dir(settings), 0o700))
	unlock, err := atomicfile.Lock(settings, test.Patience)
	must(t, err)
	defer unlock()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	opened := os.NewFile(uintptr(watch), "inotify")
	defer opened.Close()
	_, err = unix.InotifyAddWatch(watch, settings+".lock", unix.IN_OPEN)
	must(t, err)
	cmd := h.command("clever-ssh", "setup", "web="+appWeb)
	var said bytes.Buffer
	cmd.Stderr = &said
	must(t, cmd.Start())
	opened.SetReadDeadline(time.Now().Add(test.Patience))
	if _, err := opened.Read(make([]byte, 4096)); err != nil {
		t.Errorf("setup does not try the lock: %v", err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("%v\n%s", cmd.ProcessState, &said)
	}
}
