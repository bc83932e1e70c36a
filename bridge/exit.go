package bridge

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// exit tells how a command ended.
type exit struct {
	status int
	signal string // ended it, without SIG; empty if none did, or it is unknown. The status is then StatusFailed.
	core   bool   // it dumped core
}

// StatusFailed is the exit status of an ssh that failed itself (ssh(1), EXIT STATUS), or whose command was
// ended by a signal.
const StatusFailed = 255

// notWritten is the error of a command that succeeded, but whose output could not all be written here; nil if
// nobody wanted more of it.
func notWritten(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return fmt.Errorf("some of the command's output could not be written here: %w", err)
}

// exitReport returns the request that tells a client how its command ended (RFC 4254, section 6.10).
func exitReport(e exit) (request string, payload []byte) {
	if e.signal == "" {
		return "exit-status", ssh.Marshal(struct{ Status uint32 }{uint32(e.status)})
	}
	return "exit-signal", ssh.Marshal(struct {
		Signal            string
		CoreDumped        bool
		Message, Language string
	}{Signal: e.signal, CoreDumped: e.core})
}
