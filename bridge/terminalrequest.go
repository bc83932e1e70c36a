package bridge

import (
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
)

// windowSize is the size of a terminal in SSH: in characters, and in pixels.
type windowSize struct{ Columns, Rows, Width, Height uint32 }

// terminalRequest is a client's request for a terminal.
type terminalRequest struct {
	name  string // $TERM
	size  windowSize
	modes string // encoded as in RFC 4254, section 8. A terminal of this machine ignores them: ssh passes on its own.
}

// parseTerminalRequest reads the payload of a pty-req (RFC 4254, section 6.2).
func parseTerminalRequest(payload []byte) (terminalRequest, error) {
	var request struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if err := ssh.Unmarshal(payload, &request); err != nil {
		return terminalRequest{}, err
	}
	if strings.Contains(request.Term, "\x00") {
		return terminalRequest{}, errors.New("the terminal type contains a NUL byte")
	}
	return terminalRequest{request.Term, windowSize{request.Columns, request.Rows, request.Width, request.Height}, request.Modes}, nil
}

// parseWindowChange reads the payload of a window-change (RFC 4254, section 6.7).
func parseWindowChange(payload []byte) (size windowSize, err error) {
	err = ssh.Unmarshal(payload, &size)
	return size, err
}
