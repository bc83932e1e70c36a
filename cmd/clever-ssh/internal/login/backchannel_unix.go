//go:build unix

package login

import (
	"os"
	"syscall"
)

// openBackChannel makes a named pipe, and opens it for writing too, so that it does not end and nobody waits to
// open it.
func openBackChannel(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// Speak opens the back channel at a path, for the process at the other end. It does not wait if nobody listens
// any more.
func Speak(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
}

// writeBackChannel wakes the listener with text. The pipe's name may be gone by now: systems clean up their
// folder for temporary files.
func writeBackChannel(_ string, file *os.File, text []byte) { file.Write(text) }

// hide removes the names of back channels that both ends have open.
func hide(folder string) { os.RemoveAll(folder) }
